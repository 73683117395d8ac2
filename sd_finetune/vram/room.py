"""Whether a run fits into a GPU, told before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UserError
from ..families.facts import MemoryFacts
from ..settings.methods import METHODS
from ..settings.options import Settings
from .estimate import CONTEXT, SD15, estimate
from .fitting import changes_of, fitting_way
from .savings import gigabytes, in_words, what_helps


@dataclass(frozen=True)
class Room:
    """VRAM of a GPU in bytes, as CUDA tells it: `total`, and what is `free` once CUDA itself has its part."""

    total: int
    free: int
    bf16: bool = True


def refuse_without_room(settings: Settings, room: Room, model: MemoryFacts = SD15) -> None:
    """Raise UserError if the run needs more VRAM than the GPU has at all, and `train.check_vram` is on."""
    if fault := room_fault(settings, room, model):
        raise UserError(fault)


def room_fault(settings: Settings, room: Room, model: MemoryFacts = SD15) -> str:
    """The same as a sentence, "" where there is enough."""
    if not settings.train.check_vram:
        return ""
    needed = estimate(settings, model).certain
    if needed <= room.total:
        return ""
    way = fitting_way(settings, room.total, room.bf16, model)
    if way:
        fits = f"set {in_words(changes_of(settings, way))}, which needs about {gigabytes(way.needed)}"
    else:
        fits = "train a LoRA instead" if METHODS[settings.method].changes_weights else "use a GPU with more VRAM"
    problem = f"The run needs about {gigabytes(needed)} of VRAM, and the GPU has {gigabytes(room.total)}"
    return f"{problem}: {fits}; or set train.check_vram to false to try it anyway."


def warning_without_room(settings: Settings, room: Room, model: MemoryFacts = SD15) -> str:
    """A sentence if other programs have so much of the VRAM that the run may not fit, else empty."""
    whole = estimate(settings, model)
    if whole.reserved <= room.free:
        return ""
    others = gigabytes(max(room.total - room.free - CONTEXT, 0))
    problem = f"The run needs about {gigabytes(whole.reserved)} of VRAM, and {gigabytes(room.free)} are free"
    helps = what_helps(settings, whole.fullest, room.bf16, model=model)
    return f"{problem}: close other programs that use the GPU, which have {others}, or save some: {helps}."
