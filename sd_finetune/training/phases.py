"""How far a phase has got, and how images are looked at in one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ..data.image_cache import image_cache, notes_in
from ..data.usable import Look
from ..runs.messages import Event, Phase
from ..settings.options import Settings

CHECKING = "checking images"
ALL_TOLD = 200
"""Up to so many parts of a phase, each of them is told; of more only one in TELL_SECONDS."""
TELL_SECONDS = 0.2


def telling(name: str, emit: Callable[[Event], None]) -> Callable[[int, int], None]:
    """A function of (parts done, parts in all) that emits how far the phase `name` has got."""
    due = 0.0

    def report(done: int, total: int) -> None:
        nonlocal due
        if total <= ALL_TOLD or done == total or time.monotonic() >= due:
            due = time.monotonic() + TELL_SECONDS
            emit(Phase(name=name, done=done, total=total))

    return report


def look_of(settings: Settings, runs: Path, emit: Callable[[Event], None]) -> Look:
    """How a run looks at images. runs: the folder of the run folders."""
    return Look(notes=notes_in(image_cache(settings, runs)), progress=telling(CHECKING, emit))
