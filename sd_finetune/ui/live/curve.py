"""A curve of numbers over the steps that stays small however long the run is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

MOST_BINS = 1024


class Bin(NamedTuple):
    """Neighbouring steps taken together: `sums` over the `counts` values that there were of each number."""

    step: int
    sums: tuple[float, ...]
    counts: tuple[int, ...]
    serial: int


class Curve:
    """Numbers by step, as means over `stride` steps, which doubles when there would be more than MOST_BINS bins.

    serial, everywhere: the number of the event that a change came with, so that a reader can ask for what is newer.
    """

    def __init__(self) -> None:
        self.stride = 1
        self.rebuilt = 0
        self._bins: list[Bin] = []

    def add(self, step: int, values: Sequence[float | None], serial: int) -> None:
        """A new step; None and what is not finite count as missing. A step that was there before replaces its end."""
        if self._bins and step <= self._bins[-1].step:
            self._bins = [entry for entry in self._bins if entry.step < step]
            self.rebuilt = serial
        known = tuple(value if _is_finite(value) else None for value in values)
        entry = Bin(step, tuple(v or 0.0 for v in known), tuple(int(v is not None) for v in known), serial)
        if self._bins and (step - 1) // self.stride == (self._bins[-1].step - 1) // self.stride:
            self._bins[-1] = _joined(self._bins[-1], entry)
        else:
            self._bins.append(entry)
        if len(self._bins) > MOST_BINS:
            self._halve(serial)

    def since(self, serial: int) -> list[list[Any]]:
        """[step, mean, mean, ...] of the bins that changed after `serial`; a bin stands at its last step."""
        return [[entry.step, *_means(entry)] for entry in self._bins if entry.serial > serial]

    def _halve(self, serial: int) -> None:
        self.stride *= 2
        self.rebuilt = serial
        halved: list[Bin] = []
        for entry in self._bins:
            if halved and (entry.step - 1) // self.stride == (halved[-1].step - 1) // self.stride:
                halved[-1] = _joined(halved[-1], entry)
            else:
                halved.append(entry)
        self._bins = halved


def _is_finite(value: float | None) -> bool:
    return isinstance(value, (int, float)) and abs(value) < float("inf")


def _joined(before: Bin, after: Bin) -> Bin:
    sums = tuple(a + b for a, b in zip(before.sums, after.sums, strict=True))
    counts = tuple(a + b for a, b in zip(before.counts, after.counts, strict=True))
    return Bin(after.step, sums, counts, after.serial)


def _means(entry: Bin) -> list[float | None]:
    return [float(f"{s / n:.5g}") if n else None for s, n in zip(entry.sums, entry.counts, strict=True)]
