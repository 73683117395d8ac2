"""Single options from the command line, as "lora.rank=8" or "concepts.1.repeats=2"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from .catalogue import all_options
from .faults import Faults
from .toml import parse_toml_value

MOST_DOTS = 4
"""In an option's name; "concepts.1.folder" has two."""


def apply_overrides(content: dict[str, Any], overrides: Sequence[str], faults: Faults) -> None:
    """Put each override into the plain settings `content`; concepts are numbered from 1."""
    for override in overrides:
        if any(0xD800 <= ord(letter) <= 0xDFFF for letter in override):  # what Python makes of bytes that are not UTF-8
            faults.add(repr(override), f"--set {override!a} is not UTF-8: write it in that encoding.")
            continue
        name, equals, text = override.partition("=")
        name = name.strip()
        if not equals or not all(name.split(".")) or name.count(".") > MOST_DOTS:
            faults.add(override, f'--set "{override[:200]}" is not valid: write it as group.option=value.')
        elif not _put(content, name.split("."), _value(name, text.strip())):
            faults.add(name, f"--set {name} is not an option: number concepts from 1, without a gap.")


def _value(name: str, text: str) -> Any:
    """The value of the option's type, so that quotes can be left out: a name can be 2024, a prompt true."""
    option = all_options().get(re.sub(r"\.[0-9]+\.", ".", name))
    value = parse_toml_value(text)
    if option is None or isinstance(value, (str, list)):
        is_single_text = option is not None and option.kind == tuple[str, ...] and isinstance(value, str)
        return [value] if is_single_text else cast(Any, value)
    return text if option.kind is str else value


def _put(content: dict[str, Any], names: list[str], value: Any) -> bool:
    """Set the value at the place that `names` lead to, creating groups on the way; False if there is no such place."""
    place: Any = content
    for name in names[:-1]:
        if isinstance(place, dict):
            place = cast("dict[str, Any]", place).setdefault(name, [] if name == "concepts" else {})
        elif isinstance(place, list):
            place = _entry(cast("list[Any]", place), name)
    if not isinstance(place, dict):
        return False
    place[names[-1]] = value
    return True


def _entry(entries: list[Any], number: str) -> Any:
    """Entry `number` of a list, counted from 1; the one after the last is created. None if there is no such entry."""
    if number == str(len(entries) + 1):
        entries.append({})
    return entries[int(number) - 1] if number.isdecimal() and 1 <= int(number) <= len(entries) else None
