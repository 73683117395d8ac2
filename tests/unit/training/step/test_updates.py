"""How gradients become new weights, where a run does not show it on a CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from sd_finetune.optimizers.parameter_group import ParameterGroup
from sd_finetune.training.device import accelerator_for
from sd_finetune.training.step.updates import Updates
from tests.toy import Toy, forget_accelerator


@pytest.mark.skipif(not hasattr(torch.amp, "GradScaler"), reason="before torch 2.3 it scales on a GPU alone")
def test_a_process_without_a_share_of_the_first_step_steps_in_fp16(toy: Toy) -> None:
    """Its gradients come from the others, and nothing was scaled here before."""
    settings = toy.settings({"train.devices": 2, "optimizer.weight_decay": 0})
    accelerator: Any = accelerator_for(settings)
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    weight = nn.Parameter(torch.ones(3))
    updates = Updates([ParameterGroup("unet", [weight], 0.5)], settings, accelerator)
    updates.begin(0)
    weight.grad = torch.full_like(weight, 4.0)
    updates.finish()
    assert torch.allclose(weight, torch.full_like(weight, 0.5), atol=1e-6)
    forget_accelerator()
