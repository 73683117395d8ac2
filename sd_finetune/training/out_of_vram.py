"""In which phase of a run VRAM ran out."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch


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
    except torch.cuda.OutOfMemoryError as error:
        raise OutOfVramError(phase) from error
