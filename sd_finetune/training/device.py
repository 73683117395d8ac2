"""Device and precision of a run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, Protocol, cast

import accelerate  # pyright: ignore[reportMissingTypeStubs]
import psutil
import torch
from torch import Tensor

from ..errors import UserError
from ..settings.availability import too_few_gpus
from ..settings.options import Settings
from ..vram.room import Room
from .compute.tf32 import set_tf32

FORWARD_DTYPES = {"no": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
"""Of frozen weights and of the forward pass, by `train.mixed_precision`."""


class HasState(Protocol):
    """What of a `GradScaler` is kept: a few numbers."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


class Scaler(HasState, Protocol):
    """What is used of a `GradScaler`, which does not wait for the GPU where the optimizer is torch's fused one."""

    def scale(self, outputs: Tensor) -> Tensor: ...
    def unscale_(self, optimizer: torch.optim.Optimizer) -> None:
        """Take the scale off the gradients, once a step."""
        ...

    def step(self, optimizer: torch.optim.Optimizer) -> object:
        """The optimizer's step, but for one whose gradients overflow."""
        ...

    def update(self) -> None: ...


class Accelerator(Protocol):
    """What a run uses of accelerate's `Accelerator`, which has hardly any types."""

    @property
    def device(self) -> torch.device: ...
    @property
    def scaler(self) -> Scaler | None:
        """fp16's, of the loss."""
        ...

    def autocast(self) -> AbstractContextManager[None]:
        """The precision of the forward pass."""
        ...

    def backward(self, loss: Tensor) -> None: ...


def accelerator_for(settings: Settings) -> Accelerator:
    """The device and the precision of the settings. Raises UserError if this machine does not have them."""
    train = settings.train
    kind = _kind_of_device(train.device)
    if kind == "cpu" and train.mixed_precision == "fp16":
        raise UserError("train.mixed_precision = 'fp16' needs a CUDA GPU: use 'bf16' or 'no' on the CPU.")
    if kind == "mps" and train.mixed_precision != "no":
        problem = f"train.mixed_precision = '{train.mixed_precision}' is not there on a Mac's GPU (MPS)"
        raise UserError(f"{problem}: use 'no', or train.device = 'cpu'.")
    if kind == "mps" and train.frozen_weights != "as_computed":
        problem = f"train.frozen_weights = '{train.frozen_weights}' is not there on a Mac's GPU (MPS)"
        raise UserError(f"{problem}: use 'as_computed', or train.device = 'cpu'.")
    if kind == "cuda":
        set_tf32(train.tf32)
    return cast("Accelerator", accelerate.Accelerator(mixed_precision=train.mixed_precision, cpu=kind == "cpu"))


def refuse_devices(settings: Settings) -> None:
    """Raise UserError where there are fewer GPUs than the settings ask for, or a torch without what connects them."""
    asked = settings.train.devices
    if asked == 1:
        return
    if not torch.distributed.is_available():
        raise UserError(f"train.devices = {asked} needs torch.distributed, which this PyTorch lacks: set it to 1.")
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if settings.train.device != "cpu" and found < asked:
        raise UserError(too_few_gpus(asked, found))


def _kind_of_device(wanted: str) -> str:
    """The kind that `train.device` means here. Raises UserError where there is none."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("train.device = 'cuda' needs a CUDA GPU, and none was found: use train.device = 'auto'.")
    if wanted == "mps" and not has_mps():
        raise UserError("train.device = 'mps' needs a Mac with an M processor: use train.device = 'auto'.")
    return best_device().type if wanted == "auto" else wanted


def best_device() -> torch.device:
    """A CUDA GPU, which one of AMD is with a torch for ROCm; else the GPU of a Mac; else the CPU.

    torch knows GPUs of other makers, such as Intel's (XPU), on which nothing of ours was ever tried.
    """
    return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps() else "cpu")


def has_mps() -> bool:
    """Whether this is a Mac with a GPU that torch computes on."""
    return torch.backends.mps.is_available()


class Arriving:
    """A few numbers on their way from the device to the CPU, (n,)."""

    def __init__(self, tensor: Tensor) -> None:
        self._there: torch.cuda.Event | None = None
        self._values = tensor
        if tensor.is_cuda:
            self._values = torch.empty_like(tensor, device="cpu", pin_memory=True)
            self._values.copy_(tensor, non_blocking=True)
            self._there = torch.cuda.Event()
            self._there.record()

    def has_arrived(self) -> bool:
        """Whether `wait` returns at once."""
        return self._there is None or self._there.query()

    def wait(self) -> list[float]:
        """The numbers, once the device has computed them."""
        if self._there is not None:
            self._there.synchronize()
        return [float(value) for value in self._values.unbind()]


def room_of(device: torch.device) -> Room | None:
    """The VRAM of a GPU, None where it is none."""
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    return Room(total, free, gpu_has_bf16())


def gpu_has_bf16() -> bool:
    """Whether the GPU computes in bf16, as NVIDIA's do from compute capability 8.0 on; True where there is no GPU.

    ROCm counts otherwise, from 9 on: there torch has bf16 for all.
    """
    return not torch.cuda.is_available() or torch.cuda.get_device_capability()[0] >= 8


def memory_in_use(device: torch.device) -> int:
    """In bytes: a GPU's peak of reserved VRAM since `forget_peak`; what a Mac's, or else this process, has now."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    return _this_process().memory_info().rss


def forget_peak(device: torch.device) -> None:
    """Have `memory_in_use` tell what is needed from now on; a GPU's driver gets back what is held without need."""
    if device.type == "cuda":
        torch.cuda.empty_cache()  # else what came before, such as class images, would count as long as it is held
        torch.cuda.reset_peak_memory_stats(device)


@lru_cache(maxsize=1)  # it is asked for in each step, and reads several files of the system when it is made
def _this_process() -> psutil.Process:
    return psutil.Process()
