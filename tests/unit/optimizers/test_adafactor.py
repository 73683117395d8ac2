"""Adafactor against transformers', and what it keeps of kernels."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers.optimization import Adafactor as Known

from sd_finetune.optimizers.adafactor import Adafactor, relative_step_size

STEPS = 6


def stepped(make: Any, shape: tuple[int, ...], scale: float = 1.0, **options: Any) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    weight = nn.Parameter(torch.randn(shape, generator=generator))
    optimizer = make([weight], **{"lr": 1e-2, **options})
    for _ in range(STEPS):
        weight.grad = torch.randn(shape, generator=generator) * scale
        optimizer.step()
    return weight.detach()


@pytest.mark.parametrize("shape", [(8, 24), (24, 8), (7,)])
@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_it_moves_matrices_and_vectors_as_transformers_does(shape: tuple[int, ...], scale: float) -> None:
    known = {"relative_step": False, "scale_parameter": False, "warmup_init": False, "weight_decay": 0.1}
    expected = stepped(Known, shape, scale, **known)
    assert torch.allclose(stepped(Adafactor, shape, scale, weight_decay=0.1), expected, rtol=1e-5, atol=1e-7)
    assert not torch.allclose(stepped(Adafactor, shape, scale, weight_decay=0.2), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shape", [(8, 24), (24, 8), (7,)])
@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_with_its_own_schedule_it_moves_as_transformers_does(shape: tuple[int, ...], scale: float) -> None:
    known = {"relative_step": True, "scale_parameter": True, "warmup_init": False, "weight_decay": 0.1, "lr": None}
    expected = stepped(Known, shape, scale, **known)
    own = {"relative_step": True, "weight_decay": 0.1}
    assert torch.allclose(stepped(Adafactor, shape, scale, **own, lr=1.0), expected, rtol=1e-5, atol=1e-7)
    assert not torch.allclose(stepped(Adafactor, shape, scale, **own, lr=0.5), expected, rtol=1e-5, atol=1e-7)


def test_its_own_steps_become_smaller_after_ten_thousand() -> None:
    assert [relative_step_size(step) for step in (1, 10_000, 40_000)] == pytest.approx([1e-2, 1e-2, 5e-3])


def test_a_kernel_is_the_matrix_of_its_outputs() -> None:
    as_kernel, as_matrix = stepped(Adafactor, (6, 4, 3, 3)), stepped(Adafactor, (6, 36))
    assert torch.equal(as_kernel.flatten(1), as_matrix)
    weight = nn.Parameter(torch.zeros(6, 4, 3, 3))
    weight.grad = torch.ones_like(weight)
    optimizer = Adafactor([weight])
    optimizer.step()
    assert {name: getattr(value, "shape", value) for name, value in optimizer.state[weight].items()} == {
        "step": 1,
        "row": (6,),
        "column": (36,),
    }


def test_gradients_stay_as_they_are() -> None:
    for shape in ((6, 4), (5,)):
        weight = nn.Parameter(torch.ones(shape))
        weight.grad = torch.full(shape, 0.5)
        Adafactor([weight]).step()
        assert torch.equal(weight.grad, torch.full(shape, 0.5))


def test_an_update_is_never_larger_than_the_threshold() -> None:
    """A row that was quiet and then is loud."""
    weight = nn.Parameter(torch.zeros(4, 4))
    optimizer = Adafactor([weight], lr=1.0)
    for size in (1e-4, 1e-4, 1.0):
        before = weight.detach().clone()
        weight.grad = torch.full((4, 4), size)
        optimizer.step()
    assert float((weight.detach() - before).square().mean().sqrt()) == pytest.approx(1.0, rel=1e-5)
