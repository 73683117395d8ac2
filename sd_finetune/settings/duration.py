"""A length of training or an interval in it, with its unit in the type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal, cast

Unit = Literal["steps", "epochs", "minutes"]


@dataclass(frozen=True)
class Duration:
    """`amount` (0 or more) training steps or epochs. Written "400 steps", "10 epochs" or "0"."""

    amount: int
    unit: Unit = "steps"
    units: ClassVar[tuple[Unit, ...]] = ("steps", "epochs")

    @classmethod
    def parse(cls, text: str) -> Duration:
        """The duration that is written as `text`.

        Raises:
            ValueError: it is not one.
        """
        if text.strip() == "0":
            return cls(0)
        match = re.fullmatch(r"([0-9]+)\s*(step|epoch|minute)s?", text.strip())
        if match is None or f"{match[2]}s" not in cls.units:
            raise ValueError(f"{text!r} is not a duration")
        return cls(int(match[1]), cast(Unit, match[2] + "s"))

    def __str__(self) -> str:
        return f"{self.amount} {self.unit if self.amount != 1 else self.unit[:-1]}"

    def steps(self, steps_per_epoch: int) -> int:
        """The same duration in training steps; one in minutes has no fixed number."""
        assert self.unit != "minutes"
        return self.amount * (steps_per_epoch if self.unit == "epochs" else 1)


@dataclass(frozen=True)
class Interval(Duration):
    """How often something is done: a duration that can be minutes too, written "20 minutes"; 0 = never."""

    units: ClassVar[tuple[Unit, ...]] = ("steps", "epochs", "minutes")
