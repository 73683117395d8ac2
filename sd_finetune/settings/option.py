"""What is known of one option beside its value: help, unit and the values it takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

AUTO = "auto"
"""How None is written where a number may be left to the method."""


@dataclass(frozen=True)
class Option:
    """The facts of one option. The form, the command line, the checks and the documentation are made from them."""

    default: object
    help: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    multiple_of: int | None = None
    is_path: bool = False


def option(
    default: T,
    help: str,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    multiple_of: int | None = None,
    is_path: bool = False,
) -> T:
    """A dataclass field that carries its `Option`. Bounds are part of the range; a duration's bound is its amount."""
    facts = Option(default, help, unit, minimum, maximum, choices, multiple_of, is_path)
    return field(default=default, metadata={"option": facts})
