"""Speed of a run, and time left."""

from __future__ import annotations

import time
from collections import deque


class Pace:
    """Speed over the last steps; time for samples, saves and pauses does not count."""

    def __init__(self, remembered_steps: int = 30) -> None:
        self._durations: deque[tuple[float, int]] = deque(maxlen=remembered_steps)
        self._started = time.perf_counter()

    def start(self) -> None:
        """A step begins."""
        self._started = time.perf_counter()

    def stop(self, images: int) -> float:
        """A step with `images` images ends; returns how many seconds it took."""
        seconds = time.perf_counter() - self._started
        self._durations.append((seconds, images))
        return seconds

    def prolong(self) -> None:
        """The time since `start` belongs to the step that ended last."""
        duration, images = self._durations.pop()
        self._durations.append((duration + time.perf_counter() - self._started, images))

    def images_per_second(self) -> float:
        seconds = sum(duration for duration, _ in self._durations)
        return sum(images for _, images in self._durations) / seconds if seconds else 0.0

    def seconds_left(self, steps_left: int) -> float:
        if not self._durations:
            return 0.0
        return steps_left * sum(duration for duration, _ in self._durations) / len(self._durations)
