"""Whether this machine has a GPU that torch can use, asked without torch: importing it takes the tab seconds."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

NVIDIA = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
ROCM = Path("/dev/kfd")


def has_gpu_driver() -> bool:
    """Whether the driver of an NVIDIA or ROCm GPU is there; the worker, which has torch, tells what it is worth."""
    if ROCM.exists():
        return True
    try:
        ctypes.CDLL(NVIDIA)
    except OSError:
        return False
    return True
