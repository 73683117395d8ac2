"""CAME against pytorch_optimizer's, and what it keeps of kernels."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sd_finetune.optimizers.came import Came

STEPS = 6


def stepped(make: Any, shape: tuple[int, ...], scale: float = 1.0, **options: Any) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    weight = nn.Parameter(torch.randn(shape, generator=generator))
    optimizer = make([weight], **{"lr": 1e-3, **options})
    for _ in range(STEPS):
        weight.grad = torch.randn(shape, generator=generator) * scale
        before = weight.grad.clone()
        optimizer.step()
        assert make is not Came or torch.equal(weight.grad, before), "gradients stay as they are"
    return weight.detach()


@pytest.mark.parametrize("shape", [(8, 24), (24, 8), (7,)])
@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_it_moves_matrices_and_vectors_as_pytorch_optimizer_does(shape: tuple[int, ...], scale: float) -> None:
    known = pytest.importorskip("pytorch_optimizer").CAME
    expected = stepped(known, shape, scale, weight_decay=0.1)
    assert torch.allclose(stepped(Came, shape, scale, weight_decay=0.1), expected, rtol=1e-5, atol=1e-7)
    assert not torch.allclose(stepped(Came, shape, scale, weight_decay=0.5), expected, rtol=1e-5, atol=1e-7)


def test_a_kernel_is_the_matrix_of_its_outputs() -> None:
    as_kernel, as_matrix = stepped(Came, (6, 4, 3, 3)), stepped(Came, (6, 36))
    assert torch.equal(as_kernel.flatten(1), as_matrix)
    weight = nn.Parameter(torch.zeros(6, 4, 3, 3))
    weight.grad = torch.ones_like(weight)
    optimizer = Came([weight])
    optimizer.step()
    assert {name: tuple(value.shape) for name, value in optimizer.state[weight].items()} == {
        "row": (6,),
        "column": (36,),
        "moment": (6, 4, 3, 3),
        "unsure_row": (6,),
        "unsure_column": (36,),
    }
