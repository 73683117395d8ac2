"""What counts the bytes of a step."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from benchmarks.activations import BLOCK, LiveBytes, measure
from sd_finetune.families.family import family_called
from sd_finetune.families.table import FAMILIES

pytestmark = pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 2),
    reason="before torch 2.2 a tensor's storage cannot be recognized",
)


def test_storages_are_counted_while_they_live() -> None:
    with FakeTensorMode(), LiveBytes() as live:
        x = torch.empty(1024)
        y = x * 2
        view = y[:10]
        assert live.now == 8192
        del y
        assert live.now == 8192, "the view keeps it"
        del view
        small = torch.empty(1)
        assert (live.now, live.peak) == (4096 + BLOCK, 8192)
        del small
        live.forget()
        assert live.peak == 4096


def test_what_the_backward_pass_needs_is_held_until_then() -> None:
    with FakeTensorMode(), LiveBytes() as live:
        weight = torch.empty(1024, requires_grad=True)
        loss = (weight.exp() * 3).sum()
        held = live.now
        loss.backward()
        del loss
        assert (held, live.now) == (4096 + 4096 + BLOCK, 4096 + 4096), "the result of exp, and then the gradient"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_facts_are_what_is_counted(family: str) -> None:
    """One of them; `python benchmarks/activations.py` counts all."""
    side = FAMILIES[family].native_resolution
    counted = measure(family_called(family), "textual inversion", "bf16", batch=1, side=side, checkpointing=False)
    of_512 = counted["peak"] / (side / 512) ** 2
    assert of_512 == pytest.approx(FAMILIES[family].memory.in_half.word[0], rel=0.01)


def test_tensors_of_before_and_their_views_are_not_counted() -> None:
    before = torch.ones(1024)
    with LiveBytes() as live:
        before[:10].add_(1)
        assert live.peak == 0
