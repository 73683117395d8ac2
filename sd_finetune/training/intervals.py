"""When something is due that is done at an interval of training."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..settings.duration import Interval

SECONDS_PER_MINUTE = 60


class Intervals:
    """Tells what is due, each thing by its name; minutes count from the last time that it was, at first from the start.

    steps_per_epoch: of the run. clock: seconds, from any beginning.
    """

    def __init__(self, steps_per_epoch: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._steps_per_epoch, self._clock = steps_per_epoch, clock
        self._started = clock()
        self._last: dict[str, float] = {}

    def is_due(self, name: str, every: Interval, step: int) -> bool:
        """Whether what has the interval `every` is due after `step` steps; never if that is 0."""
        if every.amount == 0:
            return False
        if every.unit != "minutes":
            return step % every.steps(self._steps_per_epoch) == 0
        now = self._clock()
        if now - self._last.get(name, self._started) < every.amount * SECONDS_PER_MINUTE:
            return False
        self._last[name] = now
        return True
