"""From plain values (TOML, JSON) to values of an option's own type and range."""

from __future__ import annotations

import math
from typing import Any, cast

from ..readable import is_unicode
from .catalogue import Member
from .duration import Duration
from .option import AUTO, Option

NUMBER_OR_AUTO: Any = float | None


def convert(value: Any, member: Member) -> Any:
    """The value in the type of the option.

    Raises:
        ValueError: "is not valid", "is out of range" or the like, as the rest of a sentence about the value.
    """
    facts = member.option
    assert facts is not None
    if not all(map(is_unicode, _texts(value))):
        raise ValueError("has characters that are not Unicode text")
    try:
        converted = _typed(value, member.kind)
    except (ValueError, OverflowError) as error:
        raise ValueError("is not valid") from error
    if facts.choices and converted not in facts.choices:
        raise ValueError("is not valid")
    if not _in_range(converted, facts):
        raise ValueError("is out of range")
    return converted


def _texts(value: Any) -> list[str]:
    entries = cast("list[Any]", value) if isinstance(value, (list, tuple)) else [value]
    return [entry for entry in entries if isinstance(entry, str)]


def range_text(member: Member) -> str:
    """The values that an option takes, as "a whole number, 1 or more"."""
    facts = member.option
    assert facts is not None
    if facts.choices:
        return "one of " + ", ".join(facts.choices)
    if member.kind is Duration:
        least = f", at least {facts.minimum:g}" if facts.minimum else ""
        return f'a duration like "400 steps" or "10 epochs"{least}'
    names: dict[Any, str] = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        NUMBER_OR_AUTO: f'"{AUTO}" or a number',
        str: "a string",
    }
    return ("a path" if facts.is_path else names.get(member.kind, "a list of strings")) + _bounds_text(facts)


def _bounds_text(facts: Option) -> str:
    multiple = f", a multiple of {facts.multiple_of}" if facts.multiple_of else ""
    if facts.minimum is None:
        return multiple
    if facts.maximum is None:
        return f", {facts.minimum:g} or more{multiple}"
    return f" from {_short(facts.minimum)} to {_short(facts.maximum)}{multiple}"


def _short(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


def _typed(value: Any, kind: Any) -> Any:
    if kind is Duration:
        return Duration.parse("0" if value == 0 and type(value) is int else _of_type(value, str))
    if kind == NUMBER_OR_AUTO and value == AUTO:
        return None
    if kind in (float, NUMBER_OR_AUTO):
        number = float(_of_type(value, int, float))
        if not math.isfinite(number):
            raise ValueError("not finite")
        return number
    if kind in (bool, int, str):
        return _of_type(value, kind)
    return tuple(_of_type(entry, str) for entry in cast("list[Any]", _of_type(value, list, tuple)))


def _of_type(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:  # not isinstance: True is not a number here
        raise ValueError(f"not of type {kinds[0].__name__}")
    return value


def _in_range(value: Any, facts: Option) -> bool:
    number = value.amount if isinstance(value, Duration) else value
    if not isinstance(number, (int, float)) or isinstance(number, bool):
        return True
    return (
        (facts.minimum is None or number >= facts.minimum)
        and (facts.maximum is None or number <= facts.maximum)
        and (facts.multiple_of is None or number % facts.multiple_of == 0)
    )
