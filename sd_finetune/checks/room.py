"""Whether a run has room in this machine's GPU, as its driver tells of it."""

from __future__ import annotations

from ..formats.known_base import memory_of
from ..settings.gpu_driver import computes_with_nvidia, largest_gpu
from ..settings.options import Settings
from ..vram.room import Room, room_fault

OPTION = "train.check_vram"


def room_faults(settings: Settings) -> dict[str, str]:
    """What a run would be refused for, by the option's name; a GPU that has hardly enough is left to the run."""
    if settings.train.device not in ("auto", "cuda") or not computes_with_nvidia():
        return {}
    gpu = largest_gpu()
    fault = room_fault(settings, Room(gpu.memory, gpu.memory, gpu.bf16), memory_of(settings)) if gpu else ""
    return {OPTION: fault} if fault else {}
