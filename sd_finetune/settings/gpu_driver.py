"""Which GPUs this machine has that torch can use, asked without torch: importing it takes the tab seconds."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from ..own_packages.find import installed_version

NVIDIA = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
NVML = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"
ROCM = Path("/dev/kfd")
ROCM_NODES = Path("/sys/class/kfd/kfd/topology/nodes")
WSL = Path("/dev/dxg")
"""Where GPUs of all makers are in Linux inside of Windows; AMD's have no driver of their own there."""
GpuKind = Literal["nvidia", "amd", "apple", ""]


def gpu_kind() -> GpuKind:
    """Of which maker a GPU with a driver is, "" without one; what it is worth tells the worker, which has torch.

    NVIDIA's comes first: AMD's driver is there for the graphics of a processor, too.
    """
    if sys.platform == "darwin":
        return "apple" if platform.machine() == "arm64" else ""
    try:
        ctypes.CDLL(NVIDIA)
    except OSError:
        return "amd" if ROCM.exists() else ""
    return "nvidia"


def gpu_count() -> int | None:
    """How many GPUs there are that this process may use, None where the driver does not tell."""
    kind = gpu_kind()
    if kind in ("", "apple"):
        return 1 if kind else 0
    return _within_reach(_of_nvidia() if kind == "nvidia" else _of_amd())


Answer = TypeVar("Answer")


@dataclass(frozen=True)
class LargestGpu:
    """What the driver of NVIDIA tells of a GPU. memory: bytes of VRAM, some of which CUDA itself does not get.

    bf16: whether it computes in bf16, as GPUs do from compute capability 8.0 on.
    """

    memory: int
    bf16: bool


def largest_gpu() -> LargestGpu | None:
    """The NVIDIA GPU with the most VRAM, which is at least that of the one in use; None where the driver does not tell.

    Which one this process uses is not asked: CUDA counts them in another order than the driver.
    """
    found = _asked_nvidia(_all_gpus)
    return max(found, key=lambda gpu: gpu.memory) if found else None


def _all_gpus(library: Any) -> list[LargestGpu] | None:
    """None if one of them does not tell: it may be the largest."""
    found = [_of_number(library, number) for number in range(_count(library) or 0)]
    known = [gpu for gpu in found if gpu is not None]
    return known if len(known) == len(found) else None


class _Memory(ctypes.Structure):
    _fields_: ClassVar = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


def _of_number(library: Any, number: int) -> LargestGpu | None:
    handle, memory, major, minor = ctypes.c_void_p(), _Memory(), ctypes.c_int(), ctypes.c_int()
    told = (
        library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(number), ctypes.byref(handle)),
        library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)),
        library.nvmlDeviceGetCudaComputeCapability(handle, ctypes.byref(major), ctypes.byref(minor)),
    )
    return None if any(told) else LargestGpu(int(memory.total), major.value >= 8)


def _of_nvidia() -> int | None:
    return _asked_nvidia(_count)


def _count(library: Any) -> int | None:
    count = ctypes.c_uint()
    return None if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) else count.value


def _asked_nvidia(question: Callable[[Any], Answer | None]) -> Answer | None:
    """What the library that manages NVIDIA's GPUs answers; None where it is missing, too old, or of no use."""
    try:
        library = ctypes.CDLL(NVML)
        if library.nvmlInit_v2() != 0:
            return None
        try:
            return question(library)
        finally:
            library.nvmlShutdown()
    except (OSError, AttributeError):
        return None


def _of_amd() -> int | None:
    """The nodes of the driver's topology that compute as GPUs do."""
    try:
        facts = [path.read_text(encoding="utf-8") for path in ROCM_NODES.glob("*/properties")]
    except OSError:
        return None
    return sum(bool(re.search(r"^simd_count [1-9]", each, re.MULTILINE)) for each in facts) or None


def _within_reach(count: int | None) -> int | None:
    """Of so many GPUs, those that the environment names."""
    if count is None:
        return None
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        if name in os.environ:
            count = min(count, len([each for each in os.environ[name].split(",") if each.strip() not in ("", "-1")]))
    return count


def computes_with_nvidia() -> bool:
    """Whether torch may compute on a GPU of NVIDIA: there is one that it may use, and it is no torch for others."""
    return gpu_kind() == "nvidia" and gpu_count() != 0 and not _torch_is_for("cpu", "rocm")


def has_no_gpu() -> bool:
    """Whether it is certain that torch finds none to compute on as CUDA.

    In Windows it is with a torch for the CPU alone: ZLUDA, which has GPUs of AMD compute as CUDA, is not looked for.
    """
    if gpu_kind() == "apple" or _torch_is_for("cpu"):
        return True
    if has_gpu_driver():
        return gpu_count() == 0
    return sys.platform != "win32" and not WSL.exists()


def _torch_is_for(*kinds: str) -> bool:
    """Whether the installed torch says that it was built for one of these, as "2.4.1+cpu" does."""
    return any(f"+{kind}" in (installed_version("torch") or "") for kind in kinds)


def has_gpu_driver() -> bool:
    """Whether the driver of an NVIDIA or ROCm GPU is there, which computes as CUDA."""
    return gpu_kind() in ("nvidia", "amd")
