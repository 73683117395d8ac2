"""GPUs of Apple (MPS), AMD (ROCm) and Intel (XPU), all of them stand-ins: what is chosen there, asked and left out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sd_finetune.diffusion.schedule import scaled_linear_alphas_cumprod, schedule_on
from sd_finetune.errors import UserError
from sd_finetune.families.sent import sent_to
from sd_finetune.settings.missing_files import missing_for_training
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import from_dict
from sd_finetune.training import device as devices
from sd_finetune.training import placement
from sd_finetune.training.device import accelerator_for, best_device, forget_peak, gpu_has_bf16, memory_in_use, room_of
from sd_finetune.training.out_of_vram import is_out_of_vram
from sd_finetune.training.step.capture import recorder_for
from sd_finetune.training.step.randomness import seed_dropout
from sd_finetune.ui.advice.gpu import find_gpu

CUDA, MPS, CPU = torch.device("cuda"), torch.device("mps"), torch.device("cpu")


def settings(**train: Any) -> Settings:
    concept = {"folder": "dogs", "instance_prompt": "a dog", "class_prompt": "a dog"}
    return from_dict({"base": {"checkpoint": "a.safetensors"}, "concepts": [concept], "train": train})


class Machine:
    """One GPU, and what was done with it."""

    def __init__(self, patch: pytest.MonkeyPatch, cuda: bool = False, mps: bool = False) -> None:
        self.made: list[dict[str, Any]] = []
        self.did: list[Any] = []
        patch.setattr(torch.cuda, "is_available", lambda: cuda)
        patch.setattr(torch.backends.mps, "is_available", lambda: mps)
        patch.setattr(devices, "accelerate", SimpleNamespace(Accelerator=lambda **given: self.made.append(given)))
        patch.setattr(devices, "set_tf32", lambda allowed: self.did.append(("tf32", allowed)))
        patch.setattr(torch.mps, "empty_cache", lambda: self.did.append("empty"))
        patch.setattr(torch.mps, "manual_seed", lambda number: self.did.append("seed"))
        patch.setattr(torch.mps, "driver_allocated_memory", lambda: 5)


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch, mps=True)


@pytest.mark.parametrize("wanted", ["auto", "mps"])
def test_a_mac_trains_on_its_gpu_in_fp32(mac: Machine, wanted: str) -> None:
    assert best_device() == MPS
    accelerator_for(settings(device=wanted))
    assert mac.made == [{"mixed_precision": "no", "cpu": False}]
    assert mac.did == [], "TF32 is of CUDA"


@pytest.mark.parametrize(
    ("name", "value"), [("mixed_precision", "fp16"), ("mixed_precision", "bf16"), ("frozen_weights", "fp8")]
)
def test_what_a_mac_does_not_have_is_refused(mac: Machine, name: str, value: str) -> None:
    with pytest.raises(UserError, match=rf"train\.{name} = '{value}' is not there on a Mac's GPU \(MPS\): use"):
        accelerator_for(settings(**{name: value}))
    with pytest.raises(UserError, match=rf'trains in fp32, without train\.{name} = "{value}": set that to'):
        settings(device="mps", **{name: value})
    accelerator_for(settings(device="cpu", mixed_precision="bf16"))


def test_mps_elsewhere_is_refused_before_and_by_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch)
    asked = settings(device="mps")
    with pytest.raises(UserError, match=r"train\.device = 'mps' needs a Mac with an M processor"):
        accelerator_for(asked)
    monkeypatch.setattr("sd_finetune.settings.missing_files.gpu_kind", lambda: "nvidia")
    assert "needs a Mac with an M processor" in missing_for_training(asked)["train.device"]
    monkeypatch.setattr("sd_finetune.settings.missing_files.gpu_kind", lambda: "apple")
    assert "train.device" not in missing_for_training(asked)


def test_an_intel_gpu_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    monkeypatch.setattr(torch, "xpu", SimpleNamespace(is_available=lambda: True), raising=False)
    accelerator_for(settings())
    assert machine.made == [{"mixed_precision": "no", "cpu": True}]


def test_memory_and_random_numbers_of_a_mac(mac: Machine) -> None:
    assert memory_in_use(MPS) == 5
    assert room_of(MPS) is None, "it has the computer's memory"
    seed_dropout(0, 1)
    placement.move(torch.nn.Linear(1, 1), CPU)
    assert mac.did == ["seed", "empty"]
    assert is_out_of_vram(RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"))
    assert recorder_for(settings(), MPS) is None


def test_the_peak_of_an_nvidia_gpu_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is held without need, which would be in it; nothing else has a peak."""
    did: list[str] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: did.append("empty"))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: did.append(str(device)))
    for device in (CPU, MPS):
        forget_peak(device)
    assert did == []
    forget_peak(torch.device("cuda", 0))
    assert did == ["empty", "cuda:0"]


def test_what_is_sent_to_a_mac_is_not_pinned() -> None:
    sent: list[Any] = []

    class Sent:
        def to(self, *place: Any) -> None:
            sent.append(place)

    sent_to(MPS, Sent())  # pyright: ignore[reportArgumentType]
    assert sent == [(MPS,)]


def test_a_mac_gets_no_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    schedule = scaled_linear_alphas_cumprod(0.00085, 0.012, 10)
    assert schedule_on(CPU, schedule).dtype == torch.float64
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *place: asked.append(place))
    schedule_on(MPS, schedule)
    assert asked == [(MPS, torch.float32)]


def test_amd_is_cuda_but_for_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a torch for ROCm its name is CUDA; capabilities are gfx versions, as 10.3 of an RX 6800."""
    machine = Machine(monkeypatch, cuda=True)
    monkeypatch.setattr(torch.version, "hip", "6.4")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (10, 3))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (7, 16))
    accelerator_for(settings(mixed_precision="bf16"))
    assert machine.made == [{"mixed_precision": "bf16", "cpu": False}]
    assert gpu_has_bf16()
    room = room_of(CUDA)
    assert room is not None
    assert recorder_for(settings(), CUDA) is None
    assert is_out_of_vram(RuntimeError("HIP error: out of memory"))


def test_fit_to_this_gpu_says_why_not_on_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = SimpleNamespace(returncode=0, stdout='"mps"\n', stderr="")
    monkeypatch.setattr("sd_finetune.ui.advice.gpu.subprocess.run", lambda *_, **__: answer)
    with pytest.raises(UserError, match="trains in fp32: leave Mixed precision at no"):
        find_gpu()
