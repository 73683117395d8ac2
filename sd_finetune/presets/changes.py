"""What a preset changes in settings, and what of settings a preset is made of; both as plain tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from ..settings.catalogue import Member, all_options
from ..settings.methods import METHODS
from ..settings.read import plain_value
from ..settings.values import convert
from .parts import Part, options_of
from .preset import Preset

SAVED: tuple[Part, ...] = ("training", "images")
"""The parts of settings that a preset is made of, if nothing else is asked for."""


@dataclass(frozen=True)
class Change:
    """Of one option: what stands there, None where it is left out, and what shall."""

    was: Any
    now: Any


def changes_of(
    preset: Preset, settings: Mapping[str, Any], suited: Mapping[str, Any] | None = None
) -> dict[str, Change]:
    """By full name what applying a preset changes in plain settings, which may be faulty.

    What decides how a method learns becomes what the preset says, or else the default, so that nothing of an earlier
    preset stays. All else is left alone unless the preset names it.

    suited: what suits the base checkpoint in place of defaults, by full name.
    """
    asked: dict[str, Any] = {"method": preset.method}
    for name, part in options_of(preset.method).items():
        if name in preset.settings:
            asked[name] = preset.settings[name]
        elif part == "training":
            asked[name] = (suited or {}).get(name, default_of(name))
    changes = {name: Change(value_in(settings, name), now) for name, now in asked.items()}
    return {name: change for name, change in changes.items() if not _is_same(name, change)}


def settings_for_preset(settings: Mapping[str, Any], parts: tuple[Part, ...] = SAVED) -> dict[str, Any]:
    """By full name those values of plain settings that a preset has and that are not the defaults."""
    method = method_in(settings)
    found = {name: value_in(settings, name) for name, part in options_of(method).items() if part in parts}
    return {
        name: value
        for name, value in found.items()
        if value is not None and not _is_same(name, Change(value, default_of(name)))
    }


def method_in(settings: Mapping[str, Any]) -> str:
    """The method of plain settings, or the default one."""
    method = settings.get("method")
    return method if method in METHODS else default_of("method")


def value_in(settings: Mapping[str, Any], name: str) -> Any:
    """What stands in plain settings under a full name, None where it is left out."""
    group, _, option = name.partition(".")
    if not option:
        return settings.get(name)
    table = settings.get(group)
    return cast("dict[str, Any]", table).get(option) if isinstance(table, dict) else None


def default_of(name: str) -> Any:
    """The default of an option, as TOML has it."""
    member = all_options()[name]
    assert member.option is not None
    return plain_value(member.option.default)


def _is_same(name: str, change: Change) -> bool:
    """Whether both values mean the same, however they are written."""
    member = all_options()[name]
    was = default_of(name) if change.was is None else change.was
    return _meant(member, was) == _meant(member, change.now)


def _meant(member: Member, value: Any) -> Any:
    try:
        return plain_value(convert(value, member))
    except ValueError:
        return value
