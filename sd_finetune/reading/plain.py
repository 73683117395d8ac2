"""Facts out of files, whatever their type: what is not of the expected one says nothing.

text(value), whole(value), flag(value, default), numbers(value), shown(value)
"""

from __future__ import annotations

from typing import Any, cast

MOST_WHOLE = 10**12


def text(value: Any) -> str:
    """The value if it is a text, else ""."""
    return value if isinstance(value, str) else ""


def whole(value: Any) -> int | None:
    """A whole number from 0 on, also one written as text; None for anything else, and beyond 10**12."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(MOST_WHOLE)):
        value = int(value)
    return value if type(value) is int and 0 <= value <= MOST_WHOLE else None


def flag(value: Any, default: bool) -> bool:
    """A switch, also one written as 0 or 1."""
    return bool(value) if type(value) in (bool, int) else default


def numbers(value: Any) -> tuple[float, ...]:
    """The values of a list of finite numbers, empty for anything else."""
    listed = cast("list[Any]", value) if isinstance(value, (list, tuple)) else []
    are_numbers = all(type(each) in (int, float) and abs(each) <= MOST_WHOLE for each in listed)  # NaN is not
    return tuple(listed) if are_numbers else ()


def shown(value: Any) -> str:
    """A value in a sentence: a number or text as it is written, shortened, and of the rest the kind alone."""
    if isinstance(value, (str, bool, int, float)) or value is None:
        whole_text = repr(value) if not isinstance(value, int) or abs(value) <= MOST_WHOLE else "a huge number"
        return whole_text if len(whole_text) <= 60 else f"{whole_text[:60]}..."
    listed = numbers(value)
    if listed and len(listed) <= 20:
        return repr(list(listed))
    return {"dict": "a table", "list": "a list", "tuple": "a list"}.get(type(value).__name__, "something else")


def finite(value: Any) -> float | None:
    """A finite number, also one written as text; None for anything else."""
    if isinstance(value, str) and len(value) <= 40:
        try:
            value = float(value)
        except ValueError:
            return None
    if type(value) not in (int, float):
        return None
    number = cast("float", value)
    return float(number) if abs(number) <= MOST_WHOLE else None  # NaN is not
