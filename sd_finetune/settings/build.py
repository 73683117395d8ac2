"""Builds the frozen settings from plain dictionaries and collects the faults on the way."""

from __future__ import annotations

import json
from typing import Any, TypeVar, cast

from .catalogue import Member, all_options, members
from .faults import Faults
from .unknown_names import unknown_names
from .values import BrokenPath, convert, range_text

Group = TypeVar("Group")

MOST_UNKNOWN = 20
"""Names of a group that are told not to be options; another program's file may have thousands."""
MOST_ENTRIES = 1000
"""Of a list of groups."""
SINGLE_QUOTES = "a path, in TOML in 'single quotes' or with forward slashes if it is one of Windows"
MOST_SHOWN = 200
"""Letters of a value in a sentence."""


def build(group: type[Group], content: Any, name: str, faults: Faults) -> Group:
    """The group `group` with the values of `content`; an option that is faulty or left out has its default.

    name: full name of the group, empty for the settings as a whole.
    """
    if not isinstance(content, dict):
        faults.add(name, f"{name or 'settings'} = {_text(content)} is not valid: use a table of options.")
        return group()
    table = cast("dict[str, Any]", content)
    known = {member.name: member for member in members(group)}
    values = {key: _value(known[key], table[key], _join(name, key), faults) for key in known if key in table}
    for key in [key for key in table if key not in known][:MOST_UNKNOWN]:
        near_names = [*(_join(name, own) for own in known), *all_options()]
        for unknown, sentence in unknown_names(_join(name, key), table[key], near_names):
            faults.add(unknown, sentence)
    return group(**values)


def _value(member: Member, value: Any, name: str, faults: Faults) -> Any:
    if member.group is not None:
        make = _groups if member.is_list else build
        return make(cast("type[Any]", member.group), value, name, faults)
    assert member.option is not None
    try:
        return convert(value, member)
    except ValueError as error:
        takes = SINGLE_QUOTES if isinstance(error, BrokenPath) else range_text(member)
        faults.add(name, f"{name} = {_text(value)} {error}: use {takes}.")
        return member.option.default


def _groups(group: type[Any], value: Any, name: str, faults: Faults) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        faults.add(name, f"{name} = {_text(value)} is not valid: write each one under [[{name}]].")
        return ()
    entries = cast("list[Any]", value)
    if len(entries) > MOST_ENTRIES:
        faults.add(name, f"{name} has {len(entries):,} entries: use at most {MOST_ENTRIES}.")
        return ()
    return tuple(build(group, entry, f"{name}.{number}", faults) for number, entry in enumerate(entries, start=1))


def _join(group: str, name: str) -> str:
    return f"{group}.{name}" if group else name


def _text(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # Python writes out no number of thousands of digits
        return "a huge number"
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
