"""Tells when the driver moves VRAM into main memory: on Windows it does that where Linux says "out of memory".

Each step then waits for the PCIe bus, and takes several times as long as before, without any error.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from statistics import median

from .room import Room

LITTLE = 0.03
"""Share of the VRAM that is as good as nothing: the driver keeps so much for itself."""
TIMES = 3
"""As long as before, from which a step is said to be slow; a captured or compiled first step is not compared."""
BEFORE, SLOW = 8, 3
"""Steps that say how long one takes, at least, and slow ones after them."""
REMEMBERED = 60
SENTENCE = (
    "The VRAM is full, and steps take {times:.0f} times as long as before: the driver is moving VRAM into RAM. Close "
    'other programs that use the GPU, choose settings for a smaller GPU, or set "CUDA - Sysmem Fallback Policy" to '
    '"Prefer No Sysmem Fallback" in the NVIDIA Control Panel, so that the run ends instead.'
)


def slowdown(durations: Sequence[float]) -> float:
    """How many times as long the last steps took as those before, 0 while there are too few."""
    earlier, latest = durations[:-SLOW], durations[-SLOW:]
    if len(earlier) < BEFORE or min(earlier) <= 0:
        return 0
    return min(latest) / median(earlier)


def is_spilling(free: int, total: int, durations: Sequence[float]) -> bool:
    """Whether next to nothing is free of the VRAM, in bytes, and steps, in seconds, became several times as long."""
    return free < LITTLE * total and slowdown(durations) >= TIMES


class SpillWatch:
    """Warns once. room: the VRAM, None without a GPU; asked only when steps became slow."""

    def __init__(self, room: Callable[[], Room | None], warn: Callable[[str], None]) -> None:
        self._room, self._warn = room, warn
        self._durations: deque[float] = deque(maxlen=REMEMBERED)
        self._told = False

    def step(self, seconds: float) -> None:
        """A step took so long."""
        self._durations.append(seconds)
        if self._told or slowdown(tuple(self._durations)) < TIMES:
            return
        room = self._room()
        if room and is_spilling(room.free, room.total, tuple(self._durations)):
            self._told = True
            self._warn(SENTENCE.format(times=slowdown(tuple(self._durations))))
