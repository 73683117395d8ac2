"""Settings with some of them changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..settings.faults import Faults
from ..settings.optimizers import OPTIMIZERS
from ..settings.option import AUTO
from ..settings.options import Settings
from ..settings.rules import check_rules

Changes = Mapping[str, Any]
"""Values by the settings' full names, "group.option"."""


def with_changes(settings: Settings, changes: Changes) -> Settings:
    """The same settings but for the changes."""
    for name, value in changes.items():
        group, _, option = name.partition(".")
        changed = replace(getattr(settings, group), **{option: value})
        settings = replace(settings, **{group: changed})
    return settings


def are_valid(settings: Settings) -> bool:
    """Whether they break no rule."""
    faults = Faults()
    check_rules(settings, faults)
    return not faults.sentences


def optimizer_changes(settings: Settings, name: str) -> dict[str, Any]:
    """What makes another optimizer the one: its name, and what is given for the one before and means nothing to it."""
    foreign = OPTIMIZERS[settings.optimizer.name].options.keys() - OPTIMIZERS[name].options.keys()
    given = [own for own in sorted(foreign) if getattr(settings.optimizer, own) is not None]
    return {"optimizer.name": name, **{f"optimizer.{own}": None for own in given}}


def differences(settings: Settings, changes: Changes) -> dict[str, Any]:
    """Those of the changes that change something, as they are written in settings."""
    found = {name: value for name, value in changes.items() if value_of(settings, name) != value}
    return {name: AUTO if value is None else value for name, value in found.items()}


def value_of(settings: Settings, name: str) -> Any:
    """The value of "group.option"."""
    group, _, option = name.partition(".")
    return getattr(getattr(settings, group), option)
