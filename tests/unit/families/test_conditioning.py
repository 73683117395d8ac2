"""Prompts of several lengths in one batch: each is answered as if it were alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sd_finetune.families.conditioning import TextConditioning, join_conditioning
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.settings.prompt_reading import PromptReading
from sd_finetune.training.compute.attention import set_attention
from tests.toy import Toy

READING = PromptReading("no_norm", chunks=None)


def states(tokens: int, seed: int = 0) -> Tensor:
    return torch.randn(1, tokens, 32, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def model(toy: Toy) -> DiffusionModel:
    model = load_model(read_checkpoint(toy.checkpoint))
    model.to(torch.device("cpu"), torch.float32)
    return model


def test_rows_of_one_length_are_joined_as_they_are() -> None:
    joined = join_conditioning([TextConditioning(states(77)), TextConditioning(states(77, 1))])
    assert torch.equal(joined.hidden_states, torch.cat([states(77), states(77, 1)]))
    assert joined.mask is None


def test_shorter_rows_are_padded_and_masked() -> None:
    short, long = TextConditioning(states(77)), TextConditioning(states(154, 1))
    joined = join_conditioning([short, long, short])
    assert joined.hidden_states.shape == (3, 160, 32), "a multiple of 8, which kernels need"
    assert joined.mask is not None
    assert joined.mask.sum(1).tolist() == [77, 154, 77]
    again = join_conditioning([short, joined, TextConditioning(states(231, 2))])
    assert again.mask is not None
    assert again.mask.sum(1).tolist() == [77, 77, 154, 77, 231]
    assert torch.equal(again.hidden_states[2, :154], states(154, 1)[0])


@pytest.mark.parametrize("attention", ["sdpa", "sliced"])
def test_a_prompt_is_answered_the_same_beside_any_other(model: DiffusionModel, attention: str) -> None:
    set_attention(model, attention)
    prompts = ["a star", "moon " * 80, "a (red:1.3) star BREAK sky " * 9]
    generator = torch.Generator().manual_seed(3)
    noisy, timesteps = torch.randn(3, 4, 9, 9, generator=generator), torch.tensor([30, 500, 900])
    with torch.no_grad():
        together = model.predict(noisy, timesteps, model.encode_prompts(prompts, READING))
        for row, prompt in enumerate(prompts):
            own = model.encode_prompts([prompt], READING)
            alone = model.predict(noisy[row : row + 1], timesteps[row : row + 1], own)
            torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-4, atol=1e-5)
