"""Settings as they stand in a form: plain tables, any part of which may be missing or of the wrong type."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, cast

from .catalogue import all_options
from .paths import pasted_path


def table(settings: Mapping[str, Any], group: str) -> dict[str, Any]:
    """The table of a group, empty where it is missing or something else."""
    return _as_table(settings.get(group))


def concepts(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The table of each concept, empty where it is something else; its paths are those that are meant."""
    found = settings.get("concepts")
    tables = [_as_table(entry) for entry in cast("list[Any]", found)] if isinstance(found, list) else []
    return [{option: _meant(f"concepts.{option}", value) for option, value in each.items()} for each in tables]


def text(settings: Mapping[str, Any], name: str) -> str:
    """The value of "option" or "group.option" where it is text, else ""."""
    value = value_at(settings, name)
    return _meant(name, value) if isinstance(value, str) else ""


def value_at(settings: Mapping[str, Any], name: str) -> Any:
    """The value of "option" or "group.option", None where it is left out."""
    group, _, option = name.partition(".")
    return table(settings, group).get(option) if option else settings.get(name)


def with_value(settings: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """A copy with the value put in by name, or left out where it is None; what stands in the way is replaced."""
    group, _, option = name.partition(".")
    inner = {**table(settings, group), option: value} if option else value
    kept = {key: entry for key, entry in inner.items() if entry is not None} if option else inner
    changed = {**settings, group: kept}
    return {key: entry for key, entry in changed.items() if entry is not None}


def with_values(settings: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with `values` put in by name, "group.option" or "concepts.1.option"; what is not a table stays."""
    changed = copy.deepcopy(dict(settings))
    for name, value in values.items():
        group, *number, option = name.split(".")
        place = changed.setdefault(group, {})
        if number and isinstance(place, list):
            place = cast("list[Any]", place)[int(number[0]) - 1]
        if isinstance(place, dict):
            place[option] = value
    return changed


def with_concepts(settings: Mapping[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """The settings with what `change` makes of each concept that is a table."""
    found = settings.get("concepts")
    if not isinstance(found, list):
        return dict(settings)
    entries = cast("list[Any]", found)
    changed = [change(cast("dict[str, Any]", each)) if isinstance(each, dict) else each for each in entries]
    return {**settings, "concepts": changed}


def _meant(name: str, value: Any) -> Any:
    """A value, or the path that is meant by it where the option is one."""
    member = all_options().get(name)
    is_path = member is not None and member.option is not None and member.option.is_path
    return pasted_path(value) if is_path and isinstance(value, str) else value


def _as_table(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
