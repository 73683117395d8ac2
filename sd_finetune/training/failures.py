"""What is said of an exception that ended a run: its cause, what to change, and what is kept."""

from __future__ import annotations

import errno

import torch

from ..errors import UserError
from ..runs.folder import RunFolder
from ..runs.snapshots import latest_snapshot, step_of

OUT_OF_VRAM = (
    "CUDA out of memory: turn on train.gradient_checkpointing, set train.mixed_precision to bf16 or fp16, "
    "lower train.batch_size or data.resolution, "
    "or, for DreamBooth, set optimizer.name to adafactor and train.weights to bf16."
)
OUT_OF_VRAM_IN_CLASS_IMAGES = "CUDA out of memory while generating class images: lower class_images.batch_size."
OUT_OF_RAM = (
    "Out of memory: there is not enough RAM for this run. Close other programs, use a base checkpoint in .safetensors, "
    "which is memory-mapped, or lower train.batch_size or data.resolution."
)
_ALLOCATOR = ("DefaultCPUAllocator", "not enough memory", "can't allocate memory", "std::bad_alloc")
"""In what torch says where RAM runs out."""


def sentence_about(error: Exception, run: RunFolder, only_class_images: bool) -> str:
    """The message of the run's error event."""
    if isinstance(error, UserError):
        return str(error)
    return f"{_cause(error, run, only_class_images)}{_kept(run)}"


def _cause(error: Exception, run: RunFolder, only_class_images: bool) -> str:
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return OUT_OF_VRAM_IN_CLASS_IMAGES if only_class_images else OUT_OF_VRAM
    if _is_out_of_ram(error):
        return OUT_OF_RAM
    return f"The run failed with {type(error).__name__}: {error} (see {run.log.name} in the run folder)."


def _is_out_of_ram(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _ALLOCATOR)
    )


def _kept(run: RunFolder) -> str:
    snapshot = latest_snapshot(run)
    return (
        f" The snapshot of step {step_of(snapshot):,} is kept, and the run can be resumed from it." if snapshot else ""
    )
