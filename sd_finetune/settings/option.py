"""What is known about one option besides its value: help, unit, range and methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from .methods import ALL_METHODS

T = TypeVar("T")

AUTO = "auto"
"""How None is written for a number that can be left to the method."""
MOST_SEED = 2**32 - 1
"""The largest random seed, as in the WebUI."""


@dataclass(frozen=True)
class Option:
    """The facts of one option, from which the form, the command line, the checks and the reference page are made."""

    default: object
    help: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    multiple_of: int | None = None
    is_path: bool = False
    methods: tuple[str, ...] = ALL_METHODS
    """The methods that the option has an effect on."""
    titles: Mapping[str, str] = field(default_factory=dict[str, str])
    """By choice, what it is called elsewhere and in the tab, where that is not its name."""
    zero_is_auto: bool = False
    """0 is another way to write "auto", from the time before that."""


def option(
    default: T,
    help: str,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    multiple_of: int | None = None,
    is_path: bool = False,
    methods: tuple[str, ...] = ALL_METHODS,
    titles: Mapping[str, str] | None = None,
    zero_is_auto: bool = False,
) -> T:
    """A dataclass field with its `Option`. Bounds are inclusive; those of a duration are for its amount."""
    facts = Option(
        default, help, unit, minimum, maximum, choices, multiple_of, is_path, methods, titles or {}, zero_is_auto
    )
    return field(default=default, metadata={"option": facts})
