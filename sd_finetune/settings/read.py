"""Settings from TOML files and JSON objects, and back; all faults are reported together."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, cast

from ..errors import UserError
from ..reading.door import is_deep
from .build import build
from .catalogue import members
from .duration import Duration
from .faults import Faults
from .migrations import VERSION, migrated
from .option import AUTO
from .options import Settings
from .overrides import apply_overrides
from .paths import absolute_path
from .rates import Rates
from .rules import check_rules
from .toml import load_toml


def read_toml(path: Path, overrides: list[str] | None = None) -> Settings:
    """The settings of a TOML file, after `overrides` like "lora.rank=8" or "concepts.1.repeats=2".

    Relative paths in the file are relative to its folder, those in overrides to the current one.

    Raises:
        UserError: the file cannot be read, is of a later version, or has faults; one line for each.
    """
    faults = Faults()
    return _checked(with_overrides(content_of_toml(path), overrides or [], faults), faults)


def content_of_toml(path: Path) -> dict[str, Any]:
    """What stands in a settings file, faulty or not, with today's names and absolute paths.

    Raises:
        UserError: the file cannot be read, or is of a later version.
    """
    content = migrated(_not_deep(load_toml(path)))
    _resolve_paths(Settings, content, path.absolute().parent)
    return content


def with_overrides(content: dict[str, Any], overrides: Sequence[str], faults: Faults) -> dict[str, Any]:
    """A copy of it after `overrides`; adds the faults of these."""
    changed = copy.deepcopy(content)
    apply_overrides(changed, overrides, faults)
    _resolve_paths(Settings, changed, Path.cwd())
    return changed


def from_dict(content: dict[str, Any]) -> Settings:
    """The settings of a plain dictionary, of this `version` or an earlier one; an option left out has its default.

    Raises:
        UserError: a later version, or names, types, values or combinations that are not valid; one line for each.
    """
    return _checked(migrated(_not_deep(content)), Faults())


def find_faults(content: dict[str, Any]) -> dict[str, str]:
    """What `from_dict` refuses: a sentence by the full name of the option, as "concepts.1.folder"."""
    return faults_of(content).sentences


def faults_of(content: dict[str, Any], known: Faults | None = None) -> Faults:
    """The same, with all options that each of them concerns; of "version" where nothing else can be looked at.

    known: faults that were found before, to which they are added.
    """
    faults = known or Faults()
    try:
        check_rules(build(Settings, migrated(_not_deep(content)), "", faults), faults)
    except UserError as error:
        faults.add("version", str(error))
    return faults


def broken_rules(settings: Settings) -> dict[str, str]:
    """Of settings that were valid before their base was known, by the full name of the option, as above."""
    faults = Faults()
    check_rules(settings, faults)
    return faults.sentences


def as_far_as_valid(content: dict[str, Any]) -> Settings:
    """As `from_dict`, but what is faulty has its default. Raises UserError for a later version only."""
    return build(Settings, migrated(content), "", Faults())


def to_dict(settings: Settings) -> dict[str, Any]:
    """The settings as dictionaries, lists, strings and numbers, which JSON and TOML can hold; without `version`."""
    return cast("dict[str, Any]", plain_value(settings))


def to_file(settings: Settings) -> dict[str, Any]:
    """The same with `version`, as it is written to a file."""
    return {"version": VERSION, **to_dict(settings)}


def _not_deep(content: Any) -> Any:
    """The content, if all that follows can look into it."""
    if is_deep(content):
        raise UserError("The settings are nested too deep: use one table for each group of options.")
    return content


def _checked(content: Any, faults: Faults) -> Settings:
    settings = build(Settings, content, "", faults)
    check_rules(settings, faults)
    faults.raise_if_any()
    return settings


def plain_value(value: Any) -> Any:
    """A value of the settings as JSON and TOML write it."""
    if isinstance(value, Duration):
        return str(value)
    if isinstance(value, Rates):
        return str(value) if value.later else value.first
    if is_dataclass(value):
        return {entry.name: plain_value(getattr(value, entry.name)) for entry in fields(value)}
    if value is None:
        return AUTO
    if isinstance(value, tuple):
        return [plain_value(entry) for entry in cast("tuple[Any, ...]", value)]
    return value


def _resolve_paths(group: type, content: Any, folder: Path) -> None:
    """Make the paths in `content` absolute, in place; what is not a path or table is left for the checks to refuse."""
    if not isinstance(content, dict):
        return
    table = cast("dict[str, Any]", content)
    for member in members(group):
        value = table.get(member.name)
        if member.group is not None:
            for entry in cast("list[Any]", value if isinstance(value, list) else [value]):
                _resolve_paths(member.group, entry, folder)
        elif member.option is not None and member.option.is_path and isinstance(value, str) and value.strip():
            table[member.name] = absolute_path(value, folder)
