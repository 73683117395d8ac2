"""A step gives the GPU its work and waits for none of it, however a run is set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch._subclasses import fake_tensor

from sd_finetune.families import emphasis
from sd_finetune.training.loop import begin_step, learn
from sd_finetune.training.step_reports import StepReports
from tests.fake_gpu import GPU, on_fake_gpu
from tests.optimizers import optimizer_changes
from tests.toy import ROWS, Toy

pytestmark = pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6), reason="fake tensors are older there"
)

PRIOR: dict[str, Any] = {"prior.weight": 1.0, "concepts.class_images": 2}
EMPHASIZED = {"captions.emphasis": "original", "concepts.instance_prompt": "a photo of (sks:1.3) star"}
LONG = {"captions.tokens": 150, "concepts.instance_prompt": "a photo of (sks:1.3) star" + ", blue" * 80}
FUSED = {"train.fused_backward": True, "train.clip_by": "parameter_norm"}
NOISE = {"noise.multires_iterations": 3, "noise.input_perturbation": 0.3, "timesteps.distribution": "logit_normal"}
DROPOUT = {"lora.dropout": 0.5, "lora.rank_dropout": 0.5, "lora.module_dropout": 0.5, "lora.max_norm": 0.1}
CASES: dict[str, dict[str, Any]] = {
    "lora": {**ROWS["lora+text"], **EMPHASIZED, **PRIOR, "prior.source": "model", **DROPOUT, "ema.decay": 0.9},
    "dreambooth": {
        **ROWS["dreambooth+text"],
        **optimizer_changes("adafactor_relative"),
        **FUSED,
        **PRIOR,
        "prior.source": "both",
        "prior.decay": "2 steps",
    },
    "textual inversion": {**ROWS["textual_inversion"], **PRIOR, **NOISE, "loss.type": "huber"},
    "hypernetwork": {
        **ROWS["hypernetwork"],
        **PRIOR,
        "prior.source": "both",
        "hypernetwork.dropout_structure": "0, 0.5, 0",
    },
    "sdxl": {
        **ROWS["lora+text"],
        "lora.dora": True,
        "train.frozen_weights": "int8",
        **LONG,
        "captions.emphasis": "no_norm",
        "captions.shuffle": True,
        **PRIOR,
        "train.snr_gamma": 5,
    },
}


@pytest.mark.parametrize("case", CASES)
def test_no_step_waits_for_the_gpu(toys: Callable[[str], Toy], case: str) -> None:
    """The first is the one in which prompts are encoded that are known from then on."""
    with on_fake_gpu() as waits:
        training = toys("sdxl" if case == "sdxl" else "sd1").prepare(CASES[case])
        waits.found.clear()  # of getting ready
        reports = StepReports(training)
        for step in range(2):
            rates = begin_step(training, step, 1.0)
            losses, images = learn(training, step)
        assert all(loss.device.type == GPU.type for loss in losses)
        assert waits.found == []
        with pytest.raises(fake_tensor.DataDependentOutputException):
            reports.add(step, losses, rates, images)


def test_what_waits_is_found(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def sent_plainly(device: torch.device, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(device)

    with on_fake_gpu() as waits:
        monkeypatch.setattr(emphasis, "sent_to", sent_plainly)
        training = toy.prepare({**ROWS["lora+text"], **EMPHASIZED})
        waits.found.clear()
        losses, _ = learn(training, 0)
        assert [line for line in waits.found if "emphasis.py" in line]
        waits.found.clear()
        losses.total.cpu()
        assert waits.found
        with pytest.raises(fake_tensor.FakeTensorDeviceMismatchError):
            losses.total.expand(2) + torch.ones(2)


@pytest.mark.cuda
@pytest.mark.parametrize("case", CASES)
def test_on_a_gpu_neither(toys: Callable[[str], Toy], case: str) -> None:
    """As CUDA tells it, once memory is pinned and the optimizer has its state."""
    training = toys("sdxl" if case == "sdxl" else "sd1").prepare(
        {**CASES[case], "train.device": "cuda", "train.capture": "off", "train.length": "6 steps"}
    )
    try:
        for step in range(6):
            torch.cuda.set_sync_debug_mode("error" if step > 2 else "default")
            begin_step(training, step, 1.0)
            learn(training, step)
    finally:
        torch.cuda.set_sync_debug_mode("default")
