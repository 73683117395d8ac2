"""What SDXL's UNet is told beside noisy latents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sd_finetune.errors import UserError
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.load_model import load_model
from sd_finetune.families.prompts import refuse_clip_skip
from sd_finetune.families.sdxl.family import FAMILY
from sd_finetune.formats.checkpoint import new_checkpoint, read_checkpoint
from sd_finetune.formats.known_base import base_faults
from sd_finetune.sampling.generate import GenerationSettings, generate_images
from sd_finetune.settings.options import Settings
from sd_finetune.settings.prompt_reading import PromptReading
from sd_finetune.training.compute.attention import set_attention
from tests.unit.families.sdxl.test_family import SMALL, random_parts

READING = PromptReading("no_norm", chunks=None)
PROMPTS = ["a star", "moon " * 80, "a (red:1.3) star BREAK sky " * 9]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sdxl") / "small.safetensors"
    new_checkpoint(path, FAMILY, SMALL, random_parts(SMALL), "fp32")
    return path


@pytest.fixture(scope="module")
def model(file: Path) -> DiffusionModel:
    model = load_model(read_checkpoint(file))
    model.to(torch.device("cpu"), torch.float32)
    return model


@pytest.mark.parametrize("attention", ["sdpa", "sliced"])
def test_a_prompt_is_answered_the_same_beside_any_other(model: DiffusionModel, attention: str) -> None:
    set_attention(model, attention)
    generator = torch.Generator().manual_seed(3)
    noisy, timesteps = torch.randn(3, 4, 8, 8, generator=generator), torch.tensor([30, 500, 900])
    with torch.no_grad():
        together = model.predict(noisy, timesteps, model.encode_prompts(PROMPTS, READING))
        for row, prompt in enumerate(PROMPTS):
            own = model.encode_prompts([prompt], READING)
            alone = model.predict(noisy[row : row + 1], timesteps[row : row + 1], own)
            torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-4, atol=1e-5)
        other = model.predict(noisy[1:], timesteps[1:], model.encode_prompts(["a star"] * 2, READING))
        assert (other - together[1:]).abs().max() > 1e-3, "prompts make a difference"


def test_size_ids_are_those_of_the_drawn_image_where_none_are_told(model: DiffusionModel) -> None:
    noisy, timesteps = torch.randn(2, 4, 8, 16, generator=torch.Generator().manual_seed(3)), torch.tensor([30, 900])
    told = model.encode_prompts(["a star", "a moon"])
    drawn = [64.0, 128, 0, 0, 64, 128]
    with torch.no_grad():
        expected = model.predict(noisy, timesteps, told)
        assert torch.equal(model.predict(noisy, timesteps, replace(told, size_ids=torch.tensor([drawn] * 2))), expected)
        for place in range(6):
            changed = torch.tensor([drawn] * 2)
            changed[1, place] += 40
            answer = model.predict(noisy, timesteps, replace(told, size_ids=changed))
            torch.testing.assert_close(answer[0], expected[0])
            assert not torch.allclose(answer[1], expected[1], atol=1e-5), place


def test_an_empty_negative_prompt_is_zeros(model: DiffusionModel, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []
    predict = model.predict
    monkeypatch.setattr(model, "predict", lambda *told: heard.append(told[2]) or predict(*told))
    generate_images(model, ["a star"], [1], GenerationSettings(64, 64, 1, 3.0, "euler"))
    (told,) = heard
    assert not told.hidden_states[0].any()
    assert not told.pooled[0].any()
    assert told.pooled[1].any()


def test_clip_skip_is_refused(model: DiffusionModel, file: Path) -> None:
    """Before anything is loaded, and where a model is there already."""
    for clip_skip in (1, 2):
        own = Settings()
        base, train = replace(own.base, checkpoint=str(file)), replace(own.train, clip_skip=clip_skip)
        asked = replace(own, base=base, train=train)
        assert list(base_faults(asked)) == ["train.clip_skip"] * (clip_skip - 1)
    refuse_clip_skip(model, 1, "--clip-skip")
    with pytest.raises(UserError, match="--clip-skip = 2 has no effect on SDXL"):
        refuse_clip_skip(model, 2, "--clip-skip")
