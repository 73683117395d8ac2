"""A length or an interval of training, with its unit in the type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

Unit = Literal["steps", "epochs"]


@dataclass(frozen=True)
class Duration:
    """`amount` (0 or more) training steps or epochs. Written "400 steps", "10 epochs" or "0"."""

    amount: int
    unit: Unit = "steps"

    @classmethod
    def parse(cls, text: str) -> Duration:
        """The duration that is written as `text`.

        Raises:
            ValueError: it is not one.
        """
        if text.strip() == "0":
            return cls(0)
        match = re.fullmatch(r"([0-9]+)\s*(step|epoch)s?", text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a duration")
        return cls(int(match[1]), cast(Unit, match[2] + "s"))

    def __str__(self) -> str:
        return f"{self.amount} {self.unit if self.amount != 1 else self.unit[:-1]}"

    def steps(self, steps_per_epoch: int) -> int:
        """The same duration in training steps."""
        return self.amount * (steps_per_epoch if self.unit == "epochs" else 1)
