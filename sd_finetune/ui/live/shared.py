"""One answer for all who ask the same at about the same time: many pages follow one run."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Shared(Generic[Answer]):
    """Answers by what they depend on, which are made once while they are fresh.

    Args:
        seconds: how long an answer is fresh.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._answers: dict[Hashable, tuple[float, Answer]] = {}

    def of(self, key: Hashable, make: Callable[[], Answer]) -> Answer:
        """The answer for `key`, made by `make` where there is no fresh one; others wait while it is made."""
        with self._lock:
            kept = self._answers.get(key)
            if kept is not None and time.monotonic() < kept[0]:
                return kept[1]
            answer = make()
            now = time.monotonic()
            self._answers = {each: entry for each, entry in self._answers.items() if now < entry[0]}
            self._answers[key] = (now + self._seconds, answer)
            return answer

    def clear(self) -> None:
        """Something has changed: nothing is fresh any more."""
        with self._lock:
            self._answers.clear()


class Rhythm:
    """How long those who ask again and again should wait in between, so that they do not slow down what they watch."""

    MOST_A_SECOND = 12
    SHORTEST, LONGEST = 0.5, 4.0
    """Seconds."""
    COUNTED = 5.0
    """Seconds over which it is counted how often somebody asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: deque[tuple[float, float]] = deque()

    def wait(self) -> float:
        """Seconds to wait until asking again, in quarters; to be called for each who asks."""
        now = time.monotonic()
        with self._lock:
            while self._asked and self._asked[0][0] < now - self.COUNTED:
                self._asked.popleft()
            # Who waits longer stands for more of them: so many ask, however long they wait.
            askers = (1.0 + sum(wait for _, wait in self._asked)) / self.COUNTED
            wait = round(4 * min(max(askers / self.MOST_A_SECOND, self.SHORTEST), self.LONGEST)) / 4
            self._asked.append((now, wait))
        return wait
