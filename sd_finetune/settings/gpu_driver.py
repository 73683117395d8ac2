"""Whether this machine has a GPU that torch can use, asked without torch: importing it takes the tab seconds."""

from __future__ import annotations

import ctypes
import platform
import sys
from pathlib import Path
from typing import Literal

NVIDIA = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
ROCM = Path("/dev/kfd")
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


def has_gpu_driver() -> bool:
    """Whether the driver of an NVIDIA or ROCm GPU is there, which computes as CUDA."""
    return gpu_kind() in ("nvidia", "amd")
