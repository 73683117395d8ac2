"""From plain values (TOML, JSON) to values of an option's own type and range."""

from __future__ import annotations

import math
from typing import Any, cast

from ..readable import is_unicode
from .catalogue import Member
from .duration import Duration, Interval
from .numbers import parse_number, parse_whole_number
from .option import AUTO, Option
from .paths import has_control, pasted_path
from .rates import Rates

NUMBER_OR_AUTO: Any = float | None
WHOLE_OR_AUTO: Any = int | None
RATES_OR_AUTO: Any = Rates | None
OR_AUTO: dict[Any, Any] = {NUMBER_OR_AUTO: float, WHOLE_OR_AUTO: int, RATES_OR_AUTO: Rates}
"""Kinds of values that can be left to the method or to other options, and what they are otherwise."""


class BrokenPath(ValueError):
    """A path with what no path has, which is how TOML reads some backslashes in double quotes."""


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
        converted = None if _is_auto(value, member) else _typed(value, OR_AUTO.get(member.kind, member.kind), facts)
    except BrokenPath:
        raise
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
    if member.kind is Interval:
        return 'an interval like "400 steps", "10 epochs" or "20 minutes"'
    if member.kind is Duration:
        least = f", at least {facts.minimum:g}" if facts.minimum else ""
        return f'a duration like "400 steps" or "10 epochs"{least}'
    names: dict[Any, str] = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        Rates: "a number",
        str: "a string",
    }
    kind = OR_AUTO.get(member.kind, member.kind)
    auto = f'"{AUTO}" or ' if member.kind in OR_AUTO else ""
    several = ', or several like "0.005:100, 0.001"' if kind is Rates else ""
    noun = "a path" if facts.is_path else names.get(kind, "a list of strings")
    return auto + noun + _bounds_text(facts) + several


def _bounds_text(facts: Option) -> str:
    multiple = f", a multiple of {facts.multiple_of}" if facts.multiple_of else ""
    if facts.minimum is None:
        return multiple
    if facts.maximum is None:
        return f", {facts.minimum:g} or more{multiple}"
    return f" from {_short(facts.minimum)} to {_short(facts.maximum)}{multiple}"


def _short(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


def _is_auto(value: Any, member: Member) -> bool:
    assert member.option is not None
    zero = member.option.zero_is_auto and value == 0 and type(value) in (int, float)
    return member.kind in OR_AUTO and (zero or (isinstance(value, str) and value.strip().lower() == AUTO))


def _typed(value: Any, kind: Any, facts: Option) -> Any:
    if kind in (Duration, Interval):
        return kind.parse("0" if value == 0 and type(value) is int else _of_type(value, str))
    if kind is Rates:
        return Rates.parse(value) if isinstance(value, str) else Rates(_finite(value))
    if kind is float:
        return _finite(parse_number(value) if isinstance(value, str) else value)
    if kind is int:
        return parse_whole_number(value) if isinstance(value, str) else _of_type(value, int)
    if kind is str:
        text = _of_type(value, str)
        return _choice(text, facts) if facts.choices else _path(text) if facts.is_path else text
    if kind is bool:
        return _of_type(value, bool)
    return tuple(_of_type(entry, str) for entry in cast("list[Any]", _of_type(value, list, tuple)))


def _path(text: str) -> str:
    path = pasted_path(text)
    if has_control(path):
        raise BrokenPath("has a line break or another control character")
    return path


def _finite(value: Any) -> float:
    number = float(_of_type(value, int, float))
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _choice(text: str, facts: Option) -> str:
    """The choice that a text names; some have another name in other programs."""
    same = (choice for choice, title in facts.titles.items() if title.casefold() == text.strip().casefold())
    return text if text in facts.choices else next(same, text)


def _of_type(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:  # not isinstance: True is not a number here
        raise ValueError(f"not of type {kinds[0].__name__}")
    return value


def _in_range(value: Any, facts: Option) -> bool:
    if isinstance(value, Rates):
        return all(_in_range(rate, facts) for rate in value.all())
    number = value.amount if isinstance(value, Duration) else value
    if not isinstance(number, (int, float)) or isinstance(number, bool):
        return True
    return (
        (facts.minimum is None or number >= facts.minimum)
        and (facts.maximum is None or number <= facts.maximum)
        and (facts.multiple_of is None or number % facts.multiple_of == 0)
    )
