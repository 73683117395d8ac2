"""A learning rate, or several that follow each other, as the WebUI's Train tab writes them: "0.005:100, 1e-3:1000"."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from .numbers import parse_number

SEPARATORS = (r"[,;]", r"[,;]\s+|;")
"""Between rates: any comma, or else only one before a space, so that the others are decimal commas."""


@dataclass(frozen=True)
class Rates:
    """`first`, then each of `later`: (from which step on, counted from 0, and the rate); steps rise."""

    first: float
    later: tuple[tuple[int, float], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Rates:
        """The rates that are written as `text`. A number of steps after the last rate changes nothing, as it stays.

        Raises:
            ValueError: they are none.
        """
        for separator in SEPARATORS:
            try:
                return cls._of([part.strip() for part in re.split(separator, text.strip())])
            except ValueError:
                continue
        raise ValueError(f"{text!r} is not a learning rate")

    @classmethod
    def _of(cls, parts: list[str]) -> Rates:
        pairs = [part.partition(":") for part in parts if part]
        rates = [parse_number(rate) for rate, _, _ in pairs]
        ends = [int(end) for _, colon, end in pairs if colon]
        enough = rates and len(ends) >= len(rates) - 1 and all(colon for _, colon, _ in pairs[:-1])
        rising = all(earlier < later for earlier, later in zip([0, *ends], ends, strict=False))
        if not enough or not rising or (len(rates) > 1 and rates[0] == 0) or not all(map(math.isfinite, rates)):
            raise ValueError("they do not follow each other")
        return cls(rates[0], tuple(zip(ends, rates[1:], strict=False)))

    def __str__(self) -> str:
        rates = [self.first, *(rate for _, rate in self.later)]
        ends = [f":{step}" for step, _ in self.later]
        return ", ".join(f"{_short(rate)}{end}" for rate, end in zip(rates, [*ends, ""], strict=True))

    def at(self, step: int) -> float:
        """The rate of a step, counted from 0."""
        return next((rate for start, rate in reversed(self.later) if step >= start), self.first)

    def share(self, step: int) -> float:
        """The rate of a step as a share of the first one, 1 for a rate that does not change."""
        return self.at(step) / self.first if self.later else 1.0

    def end(self, total: int) -> int:
        """The step, counted from 0, from which on it is 0, or `total` if it never is."""
        return next((start for start, rate in self.later[-1:] if rate == 0), total)

    def all(self) -> tuple[float, ...]:
        """Every rate."""
        return (self.first, *(rate for _, rate in self.later))


def _short(rate: float) -> str:
    return f"{rate:g}" if float(f"{rate:g}") == rate else repr(rate)
