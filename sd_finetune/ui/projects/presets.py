"""Presets as the page shows them, what one would change in a project, and a new one from a project's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import UserError
from ...formats.known_base import memory_of, resolved
from ...hosts.host import Host
from ...presets.changes import SAVED, Change, changes_of, method_in, settings_for_preset
from ...presets.expected import Expected, estimated_vram
from ...presets.parts import Part
from ...presets.preset import SUBJECTS, Preset, preset_of, settings_of
from ...presets.shelf import FOLDER, Kept
from ...presets.words import expected_words
from ...settings.plain import text, with_value
from ...settings.read import find_faults, from_dict
from ...vram.estimate import needed_bytes
from ..advice.fit_to_gpu import with_concepts_filled_in
from ..advice.method_defaults import method_defaults
from .wording import in_the_tab

WITH_ALL: tuple[Part, ...] = (*SAVED, "around")


def presets_folder(host: Host) -> Path:
    """Where a person's own presets are."""
    return host.data_folder / FOLDER


def describe_preset(kept: Kept) -> dict[str, Any]:
    """For the page's list. `fault`: why it cannot be read, or ""."""
    preset = kept.preset
    return {
        "key": kept.key,
        "own": kept.own,
        "fault": kept.fault,
        "name": preset.name if preset else kept.key,
        "method": preset.method if preset else "",
        "subject": SUBJECTS.get(preset.subject, "") if preset else "",
        "description": preset.description if preset else "",
        "expected": expected_words(preset.expected) if preset else [],
    }


def readable_preset(kept: Kept) -> Preset:
    """The preset. Raises UserError for a file that cannot be read."""
    if kept.preset is None:
        raise UserError(kept.fault)
    return kept.preset


def preview(host: Host, preset: Preset, settings: dict[str, Any]) -> dict[str, Any]:
    """`changes`: by name what `was` there, None where it is left out, and what it would be `now`.

    `vram`: bytes that training is estimated to need then, None where the settings are not valid.
    """
    changes = _changes(host, preset, settings)
    then = with_preset(host, preset, settings)
    return {"changes": {name: vars(change) for name, change in changes.items()}, "vram": _needed(then)}


def with_preset(host: Host, preset: Preset, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings with a preset applied."""
    for name, change in _changes(host, preset, settings).items():
        settings = with_value(settings, name, change.now)
    return settings


def preset_of_project(name: str, description: str, settings: dict[str, Any], with_all: bool) -> Preset:
    """A preset with what a project's settings have. with_all: also how they are watched, saved and computed.

    Raises:
        UserError: they are not valid, or no preset can be called so.
    """
    values = settings_for_preset(settings, WITH_ALL if with_all else SAVED)
    try:
        made = preset_of(name, method_in(settings), values, description)
    except UserError as error:
        raise UserError(in_the_tab(str(error), "settings")) from error
    return Preset(name, made.method, values, description, expected=Expected(vram=estimated_vram(settings_of(made))))


def _changes(host: Host, preset: Preset, settings: dict[str, Any]) -> dict[str, Change]:
    """The toy learns nothing at the learning rates of others: what a preset leaves out becomes what suits it."""
    suited = method_defaults(Path(text(settings, "base.checkpoint")), host.example_settings())
    return changes_of(preset, settings, suited.get(preset.method))


def _needed(settings: dict[str, Any]) -> float | None:
    filled = with_concepts_filled_in(settings)
    if find_faults(filled):
        return None
    asked = resolved(from_dict(filled))
    return needed_bytes(asked, memory_of(asked))
