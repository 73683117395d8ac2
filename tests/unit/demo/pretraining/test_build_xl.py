"""The toy SDXL that is made whole answers as the smaller modules that were pretrained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import CLIPTokenizer

from sd_finetune.demo.expand_xl import SHARED, VARIANTS, whole_parts
from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.demo.pretraining.build_xl import trained_for_v, trained_tensors
from sd_finetune.demo.pretraining.pretrain_xl import ToySdxl, freeze_shared, omit, size_ids, trained_tokens
from sd_finetune.demo.pretraining.xl_modules import END_OF_TEXT, padded_with_0, xl_modules
from sd_finetune.demo.run import load_base
from sd_finetune.families.sdxl.family import FAMILY
from sd_finetune.families.vocabulary import CLIP_TOKENIZER_FOLDER
from sd_finetune.formats.checkpoint import new_checkpoint
from tests.toy import relative_error

PROMPTS = ["a photo of a small red star on a mint background", "a photo of sks star"]


def stage(file: Path, modules: list[nn.Module]) -> None:
    """A stage's file with the modules as they are."""
    state = nn.ModuleList(modules).state_dict()
    torch.save({"average": {f"module.{name}": value for name, value in state.items()}}, file)


@pytest.fixture(scope="module")
def small() -> ToySdxl:
    """The modules that are pretrained, at their start."""
    torch.manual_seed(0)
    return ToySdxl(*xl_modules(load_base(TOY_CHECKPOINT), trained_tokens(tokenizer())))


def tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(CLIP_TOKENIZER_FOLDER)


def test_the_whole_one_answers_as_what_was_pretrained(small: ToySdxl, tmp_path: Path) -> None:
    ids = torch.tensor(tokenizer()(PROMPTS, padding="max_length", max_length=77).input_ids)
    noisy, timesteps = torch.randn(2, 4, 8, 8), torch.tensor([30, 700])
    added = {"time_ids": torch.tensor([[64, 64, 0, 0, 64, 64]] * 2)}
    stage(tmp_path / "joint.pt", [small.unet, small.text])
    stage(tmp_path / "epsilon.pt", [small.unet])
    with torch.no_grad():
        states, pooled = small.text(ids)
        wanted = small.unet(noisy, timesteps, states, added_cond_kwargs={"text_embeds": pooled, **added}).sample
        small.unet.conv_out.weight *= 2
    stage(tmp_path / "v.pt", [small.unet])
    trained = trained_tensors(tmp_path, tokenizer())
    own = {"sdxl": trained, "sdxl-v": {**trained, **trained_for_v(tmp_path)}}
    answers: dict[str, Tensor] = {}
    for name, variant in VARIANTS.items():
        path = tmp_path / variant.file_name
        new_checkpoint(path, FAMILY, variant.architecture, whole_parts(own[name]), precision="fp32")
        model = load_base(path)
        with torch.no_grad():
            text = model.encode_prompts(PROMPTS)
            answers[name] = model.family.predict(model, noisy, timesteps, text)
        assert relative_error(text.hidden_states, states) < 2e-3
        assert text.pooled is not None
        assert relative_error(text.pooled, pooled) < 2e-3
    assert relative_error(answers["sdxl"], wanted) < 2e-3
    assert relative_error(answers["sdxl-v"], wanted) > 0.1, "it has its own last layer"


def test_the_variants_share_what_reads_text_and_sizes(small: ToySdxl) -> None:
    freeze_shared(small.unet)
    frozen = [name for name, parameter in small.unet.named_parameters() if not parameter.requires_grad]
    assert len(frozen) == 4 + 2 * 17
    assert SHARED


def test_the_second_encoder_is_padded_with_0() -> None:
    ids = torch.tensor([[49406, 320, END_OF_TEXT, END_OF_TEXT, END_OF_TEXT]])
    assert padded_with_0(ids).tolist() == [[49406, 320, END_OF_TEXT, 0, 0]]


def test_empty_captions_are_mostly_zeros_and_others_lose_one_encoder_at_most() -> None:
    ids = torch.tensor([[49406, END_OF_TEXT], [49406, 320]]).repeat_interleave(500, 0)
    states, pooled = omit(torch.ones(1000, 2, 5), torch.ones(1000, 3), ids, np.random.default_rng(0))
    first, second = states[:, 0, 0], states[:, 0, 2]
    assert first[:500].mean() == second[:500].mean() == pytest.approx(0.3, abs=0.07)
    assert first[500:].mean() == pytest.approx(0.85, abs=0.05)
    assert second[500:].mean() == pytest.approx(0.85, abs=0.05)
    assert bool((first + second)[500:].all())
    assert torch.equal(pooled[:, 0], second)


def test_most_sizes_are_those_that_the_webui_generates_with() -> None:
    ids = size_ids(400, np.random.default_rng(0))
    whole = (ids == torch.tensor([64, 64, 0, 0, 64, 64])).all(1)
    assert whole.float().mean() == pytest.approx(0.75, abs=0.08)
    assert int(ids[:, 2:4].max()) <= 64
