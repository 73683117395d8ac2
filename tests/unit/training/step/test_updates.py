"""How gradients become new weights, where a run does not show it on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from sd_finetune.optimizers.parameter_group import ParameterGroup
from sd_finetune.training.device import accelerator_for
from sd_finetune.training.step.updates import Updates
from tests.toy import Toy, forget_accelerator

NEEDS_SCALER = pytest.mark.skipif(
    not hasattr(torch.amp, "GradScaler"), reason="before torch 2.3 it scales on a GPU alone"
)
SCALE = 4.0


@pytest.fixture
def in_fp16(toy: Toy) -> Iterator[Callable[..., tuple[nn.Parameter, Updates]]]:
    """A weight of ones and what steps it with AdamW by 0.5, as in fp16."""

    def build(**changes: Any) -> tuple[nn.Parameter, Updates]:
        settings = toy.settings({"optimizer.weight_decay": 0, **changes})
        accelerator: Any = accelerator_for(settings)
        accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=SCALE)
        weight = nn.Parameter(torch.ones(3))
        updates = Updates([ParameterGroup("unet", [weight], 0.5)], settings, accelerator)
        updates.begin(0)
        return weight, updates

    yield build
    forget_accelerator()


@NEEDS_SCALER
def test_a_process_without_a_share_of_the_first_step_steps_in_fp16(
    in_fp16: Callable[..., tuple[nn.Parameter, Updates]],
) -> None:
    """Its gradients come from the others, and nothing was scaled here before."""
    weight, updates = in_fp16(**{"train.devices": 2})
    weight.grad = torch.full_like(weight, SCALE)
    updates.finish()
    assert torch.allclose(weight, torch.full_like(weight, 0.5), atol=1e-6)


@NEEDS_SCALER
@pytest.mark.parametrize("clip_by", ["global_norm", "parameter_norm"])
@pytest.mark.parametrize("most", [0.0, 5e-5])
def test_in_fp16_gradients_are_those_without_its_scale(
    in_fp16: Callable[..., tuple[nn.Parameter, Updates]], clip_by: str, most: float
) -> None:
    """An eps far above the gradients makes AdamW's step as large as they are."""
    own = torch.tensor([3e-4, 0.0, 4e-4])
    weight, updates = in_fp16(**{"train.max_grad_norm": most, "train.clip_by": clip_by, "optimizer.eps": 1.0})
    updates._accelerator.scaler.scale((weight * own).sum()).backward()  # pyright: ignore[reportOptionalMemberAccess]
    updates.finish()
    clipped = own * (most / 5e-4 if most else 1)
    torch.testing.assert_close(1 - weight.detach(), 0.5 * clipped, rtol=1e-3, atol=1e-7)


@NEEDS_SCALER
@pytest.mark.parametrize("most", [0.0, 1.0])
def test_in_fp16_a_step_that_overflows_is_left_out_and_the_scale_halved(
    in_fp16: Callable[..., tuple[nn.Parameter, Updates]], most: float
) -> None:
    weight, updates = in_fp16(**{"train.max_grad_norm": most})
    scaler: Any = updates._accelerator.scaler
    scaler.scale((weight * float("inf")).sum()).backward()
    updates.finish()
    assert torch.equal(weight.detach(), torch.ones(3))
    assert weight.grad is None
    assert scaler.get_scale() == SCALE / 2
