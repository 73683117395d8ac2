"""In which phase of a run VRAM ran out."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch

_LIBRARIES = (
    "CUDA error: out of memory",
    "HIP error: out of memory",
    "MPS backend out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""In what torch says where VRAM runs out in the driver, or in a library that allocates for itself."""


def is_out_of_vram(error: BaseException) -> bool:
    """Whether VRAM ran out, in torch or in a library of CUDA."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _LIBRARIES)


class OutOfVramError(RuntimeError):
    """CUDA is out of memory in a phase of `vram.estimate.estimate`."""

    def __init__(self, phase: str) -> None:
        super().__init__(f"CUDA out of memory: {phase}")
        self.phase = phase


@contextmanager
def phase_of_vram(phase: str) -> Generator[None, None, None]:
    """Where VRAM runs out in the block, the error says that it was in this phase."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_vram(error):
            raise
        raise OutOfVramError(phase) from error
