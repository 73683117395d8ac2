"""Speed of a run, and time left."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

FIRST = 5
"""Steps of a worker that say little: they load, compile and capture what later ones use, and a GPU is not waited for
until it was given so many. They are left out as soon as there are as many others."""
FAR, ENOUGH = 20, 15
"""Times as long as the others from which a step is none of the usual ones, as where the machine slept, of so many. A
step that waits for those that a GPU was given before it is several times as long, and belongs to them."""

Duration = tuple[float, int]
"""Seconds of a step, and how many images it was shown."""


class Pace:
    """Speed over the last steps; time for samples, saves and pauses does not count, nor do steps that are unusual."""

    def __init__(self, remembered_steps: int = 30) -> None:
        self._durations: deque[Duration] = deque(maxlen=remembered_steps)
        self._steps = 0
        self._started = time.perf_counter()

    def start(self) -> None:
        """A step begins."""
        self._started = time.perf_counter()

    def stop(self, images: int) -> float:
        """A step with `images` images ends; returns how many seconds it took."""
        seconds = time.perf_counter() - self._started
        self._durations.append((seconds, images))
        self._steps += 1
        return seconds

    def prolong(self) -> None:
        """The time since `start` belongs to the step that ended last."""
        duration, images = self._durations.pop()
        self._durations.append((duration + time.perf_counter() - self._started, images))

    def images_per_second(self) -> float:
        usual = self._usual()
        seconds = sum(duration for duration, _ in usual)
        return sum(images for _, images in usual) / seconds if seconds else 0.0

    def seconds_left(self, steps_left: int) -> float:
        usual = self._usual()
        return steps_left * sum(duration for duration, _ in usual) / len(usual) if usual else 0.0

    def _usual(self) -> list[Duration]:
        forgotten = self._steps - len(self._durations)
        first = min(FIRST, max(0, self._steps - FIRST)) - forgotten
        return without_far_longer(list(self._durations)[max(0, first) :])


def without_far_longer(durations: Sequence[Duration]) -> list[Duration]:
    """Without each that is FAR times as long as the others are in the mean; all of fewer than ENOUGH."""
    kept = sorted(durations)
    while len(kept) >= ENOUGH and kept[-1][0] > FAR * sum(seconds for seconds, _ in kept[:-1]) / (len(kept) - 1):
        kept.pop()
    return kept
