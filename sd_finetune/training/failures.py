"""What is said of an exception that ended a run: its cause, what to change, and what is kept."""

from __future__ import annotations

from ..errors import UserError
from ..formats.known_base import memory_of
from ..runs.folder import RunFolder
from ..runs.snapshots import what_is_kept
from ..settings.options import Settings
from ..vram.savings import what_helps
from .device import gpu_has_bf16
from .out_of_ram import is_out_of_ram
from .out_of_vram import OutOfVramError, is_out_of_vram

PHASES = {
    "class images": "while generating class images",
    "encoding": "while encoding images",
    "training": "in a training step",
    "samples": "while generating samples",
}
"""In words, those of `vram.estimate.estimate`."""
OUT_OF_RAM = (
    "Out of memory: there is not enough RAM for this run. Close other programs, use a base checkpoint in .safetensors, "
    "which is memory-mapped, or lower train.batch_size or data.resolution."
)


def sentence_about(error: Exception, run: RunFolder) -> str:
    """The message of the run's error event."""
    return cause_of(error, run) if isinstance(error, UserError) else f"{cause_of(error, run)}{what_is_kept(run)}"


def out_of_vram(settings: Settings, phase: str, bf16: bool) -> str:
    """A sentence with what helps most and by how much. phase: as in `PHASES`."""
    return f"CUDA out of memory {PHASES[phase]}: {what_helps(settings, phase, bf16, model=memory_of(settings))}."


def cause_of(error: Exception, run: RunFolder) -> str:
    """The same without what is kept."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OutOfVramError) or is_out_of_vram(error):
        phase = error.phase if isinstance(error, OutOfVramError) else "training"
        return out_of_vram(run.read_settings(), phase, gpu_has_bf16())
    if is_out_of_ram(error):
        return OUT_OF_RAM
    return f"The run failed with {type(error).__name__}: {error} (see {run.log.name} in the run folder)."
