"""Settings as they stand in a form: plain tables, any part of which may be missing or of the wrong type."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast


def table(settings: Mapping[str, Any], group: str) -> dict[str, Any]:
    """The table of a group, empty where it is missing or something else."""
    return _as_table(settings.get(group))


def concepts(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The table of each concept, empty where it is something else."""
    found = settings.get("concepts")
    return [_as_table(entry) for entry in cast("list[Any]", found)] if isinstance(found, list) else []


def text(settings: Mapping[str, Any], name: str) -> str:
    """The value of "option" or "group.option" where it is text, else ""."""
    value = value_at(settings, name)
    return value if isinstance(value, str) else ""


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
    """A copy with `values` put in by name ("group.option"); a group that is no table stays as it is."""
    changed = copy.deepcopy(dict(settings))
    for name, value in values.items():
        group, _, option = name.partition(".")
        place = changed.setdefault(group, {})
        if isinstance(place, dict):
            place[option] = value
    return changed


def _as_table(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
