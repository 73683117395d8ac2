"""What a form may keep: values of an option's own type, or the text that was typed where a number is wanted.

A value that is kept may still be wrong, which `find_faults` tells: it stays in the form until it is corrected. What is
refused here was not typed into a form: other programs send it, and not every reader could bear it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, cast

from ..errors import UserError
from .catalogue import Member, all_options, members
from .duration import Duration, Interval
from .options import Settings
from .rates import Rates
from .unknown_names import unknown_name
from .values import OR_AUTO, range_text

MOST_LETTERS = 20_000
"""Of a text."""
MOST_ENTRIES = 1000
"""Of a list of tables."""
MOST_TEXTS = 10_000
"""Of a list of texts, such as the names of excluded images."""
MOST_PATH_BYTES, MOST_NAME_BYTES = 4000, 255
"""Of a path and of a name in it, which is what common file systems take."""
GREATEST = 2**53
"""Above it browsers round whole numbers."""
NUMBERS: tuple[Any, ...] = (int, float, Rates, *OR_AUTO, Duration, Interval)


def refuse_unkeepable(settings: Any) -> None:
    """Raise UserError, a line for each value of whole settings (without `version`) that cannot be kept."""
    sentences = list(_group_faults(Settings, settings, ""))
    if sentences:
        raise UserError("\n".join(sentences))


def refuse_unkeepable_value(name: str, value: Any) -> None:
    """Raise UserError if `value` cannot be kept as what is called `name`: "method", "train.length" or "concepts".

    None can: it is left out then.
    """
    top = {member.name: member for member in members(Settings)}
    group, _, option = name.partition(".")
    member = top.get(group)
    if member is not None and member.is_list and option:
        raise UserError(f'"{_text(name)}" cannot be changed by itself: send all of "{group}".')
    if member is not None and option:
        inner = members(member.group) if member.group is not None else ()
        member = next((entry for entry in inner if entry.name == option), None)
    elif member is not None and member.group is not None and not member.is_list:
        raise UserError(f'"{_shown(name)}" is a group of options: name one of them, as "{name}.OPTION".')
    if member is None:
        raise UserError(unknown_name(_text(name), list(all_options())))
    sentences = [] if value is None else list(_member_faults(member, value, name))
    if sentences:
        raise UserError("\n".join(sentences))


def why_no_path(text: str) -> str:
    """Why no file can have this path, as the rest of a sentence; "" if one can."""
    names = text.replace("\\", "/").split("/")
    if max(_byte_count(name) for name in names) > MOST_NAME_BYTES:
        return f"has a name of more than {MOST_NAME_BYTES} bytes in it, the limit of file systems"
    if _byte_count(text) > MOST_PATH_BYTES:
        return f"is longer than {MOST_PATH_BYTES} bytes, the limit of file systems"
    return ""


def _group_faults(group: Any, content: Any, prefix: str) -> Iterator[str]:
    if not isinstance(content, dict):
        yield f"{prefix.rstrip('.') or 'settings'} = {_shown(content)} is not valid: use a table of options."
        return
    known = {member.name: member for member in members(group)}
    for key, value in cast("dict[Any, Any]", content).items():
        if key in known:
            yield from _member_faults(known[key], value, prefix + key)
        else:
            yield unknown_name(prefix + _text(key), list(all_options()))


def _member_faults(member: Member, value: Any, name: str) -> Iterator[str]:
    if member.group is None:
        fault = _value_fault(member, value)
        if fault:
            yield f"{name} = {_shown(value)} {fault}."
    elif not member.is_list:
        yield from _group_faults(member.group, value, f"{name}.")
    elif not isinstance(value, list):
        yield f"{name} = {_shown(value)} is not valid: use a list of tables."
    else:
        entries = cast("list[Any]", value)
        if len(entries) > MOST_ENTRIES:
            yield f"{name} has {len(entries):,} entries: use at most {MOST_ENTRIES:,}."
        for number, entry in enumerate(entries[:MOST_ENTRIES], start=1):
            yield from _group_faults(member.group, entry, f"{name}.{number}.")


def _value_fault(member: Member, value: Any) -> str:
    """What is wrong with a value, as the rest of a sentence; "" if it can be kept."""
    assert member.option is not None
    wanted = f"is not valid: use {range_text(member)}"
    if isinstance(value, list):
        entries = cast("list[Any]", value)
        if member.kind in (bool, str, *NUMBERS) or not all(isinstance(entry, str) for entry in entries):
            return wanted
        if len(entries) > MOST_TEXTS:
            return f"has {len(entries):,} entries: use at most {MOST_TEXTS:,}"
        return next((fault for entry in entries if (fault := _text_fault(entry))), "")
    if isinstance(value, str):
        is_text = member.kind is str or member.kind in NUMBERS
        return (_path_fault(value) if member.option.is_path else _text_fault(value)) if is_text else wanted
    if isinstance(value, bool):
        return "" if member.kind is bool else wanted
    if isinstance(value, (int, float)) and member.kind in NUMBERS:
        return "" if math.isfinite(value) and abs(value) <= GREATEST else wanted
    return wanted


def _path_fault(text: str) -> str:
    reason = why_no_path(text)
    return f"{reason}: use a shorter one" if reason else _text_fault(text)


def _text_fault(text: str) -> str:
    if len(text) > MOST_LETTERS:
        return f"is longer than {MOST_LETTERS:,} characters: shorten it"
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        return "contains a character that is none of Unicode's: remove it"
    return ""


def _shown(value: Any) -> str:
    """A value for a sentence, however large it is."""
    if isinstance(value, (dict, list)):
        return "{...}" if isinstance(value, dict) else "[...]"
    if isinstance(value, str):
        return f'"{_text(value)}"'
    return _text(json.dumps(value, default=str))


def _text(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 100 else f"{text[:100]}..."


def _byte_count(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
