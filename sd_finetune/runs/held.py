"""Writing that never fails a run: what cannot be written waits in memory until it can."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from ..errors import CannotWriteError

T = TypeVar("T")

MOST_WAITING = 50_000
"""Pieces; beyond that the oldest are lost."""


class Held(Generic[T]):
    """Passes pieces to `write` in order, and holds them while that raises OSError or CannotWriteError."""

    def __init__(self, write: Callable[[T], None]) -> None:
        self._write = write
        self._waiting: deque[T] = deque(maxlen=MOST_WAITING)

    def append(self, piece: T) -> None:
        """Write a piece, after those that wait."""
        self._waiting.append(piece)
        self.flush()

    def flush(self) -> bool:
        """Write what waits, as far as that is possible; whether nothing waits any more."""
        while self._waiting:
            try:
                self._write(self._waiting[0])
            except (OSError, CannotWriteError):
                return False
            self._waiting.popleft()
        return True
