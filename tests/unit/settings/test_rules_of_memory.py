"""What goes with bf16 weights and with the optimizer inside the backward pass."""

from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.settings.read import find_faults


def faults(content: dict[str, Any], **groups: dict[str, Any]) -> dict[str, str]:
    return find_faults({**content, **groups})


def test_all_that_cannot_go_with_the_fused_backward_pass_is_told_at_once(content: dict[str, Any]) -> None:
    train = {"fused_backward": True, "gradient_accumulation_steps": 4, "mixed_precision": "fp16"}
    rates = {"unet_learning_rate": 1}
    found = faults(content, train={**train, **rates}, optimizer={"name": "prodigy"})
    assert list(found) == [
        "train.gradient_accumulation_steps",
        "train.clip_by",
        "train.mixed_precision",
        "optimizer.name",
    ]
    assert found["train.gradient_accumulation_steps"] == (
        "train.gradient_accumulation_steps = 4 needs gradients that train.fused_backward = true has freed: set it to 1 "
        "and train.batch_size higher, or train.fused_backward to false."
    )
    assert found["train.clip_by"] == (
        'train.clip_by = "global_norm" needs all gradients at once, which train.fused_backward = true does not keep: '
        'set it to "parameter_norm", or train.max_grad_norm to 0.'
    )
    assert found["train.mixed_precision"].endswith('does not keep: use "bf16" or "no".')
    assert found["optimizer.name"].startswith('optimizer.name = "prodigy" needs all gradients at once')
    assert faults(content, train={**train, **rates, "fused_backward": False}, optimizer={"name": "prodigy"}) == {}


@pytest.mark.parametrize("clipping", [{"max_grad_norm": 0}, {"clip_by": "parameter_norm"}])
def test_what_goes_with_it_is_taken(content: dict[str, Any], clipping: dict[str, Any]) -> None:
    train = {"fused_backward": True, "batch_size": 4, "mixed_precision": "bf16", "weights": "bf16", **clipping}
    assert faults(content, train=train, optimizer={"name": "adafactor"}) == {}


@pytest.mark.parametrize("precision", ["no", "fp16"])
def test_bf16_weights_need_a_forward_pass_in_bf16(content: dict[str, Any], precision: str) -> None:
    found = faults(content, train={"weights": "bf16", "mixed_precision": precision})
    assert found == {
        "train.weights": f'train.weights = "bf16" needs train.mixed_precision = "bf16" and that is "{precision}": '
        'change it, or set train.weights to "fp32".'
    }


def test_what_does_not_go_with_several_devices_is_told(content: dict[str, Any]) -> None:
    fused = {"fused_backward": True, "max_grad_norm": 0}
    assert faults(content, train={"devices": 2, **fused}) == {
        "train.devices": "train.devices = 2 needs gradients after the backward pass, which train.fused_backward = true "
        "has freed: set it to 1, or train.fused_backward to false."
    }
    assert faults(content, train={"devices": 2, "device": "mps"}) == {
        "train.devices": 'train.devices = 2 is not for train.device = "mps", of which a Mac has one: set it to 1.'
    }
    assert faults(content, train={"devices": 1, "device": "mps"}) == faults(content, train=fused) == {}
    assert faults(content, train={"devices": 2, "gradient_accumulation_steps": 2, "weights": "fp32"}) == {}
