"""Settings of earlier versions, brought to the names of this one by numbered steps.

A settings file, the settings.json of a run folder and a saved project carry the `version` of their settings. Without
one they are of version 1. To rename or change an option, add a step to the end of `STEPS`. A step is a pure function
that leaves settings of later versions as they are, because a settings file need not say its version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from ..errors import UserError
from .option import AUTO

Table = dict[str, Any]

_RENAMED_IN_2 = {
    "textual_inversion.sentences": "textual_inversion.own_templates",
    "textual_inversion.form": "textual_inversion.format",
    "evaluation.pictures": "evaluation.images",
    "evaluation.draws": "evaluation.timesteps",
}

_BEFORE_5 = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
_OPTIMIZER_BEFORE_5 = {"name", *_BEFORE_5, "weight_decay"}
_WITHOUT_BETAS_BEFORE_5 = {"lion", "lion8bit", "adopt", "adan", "came", "adafactor", "adafactor_relative"}
_WITHOUT_EPS_BEFORE_5 = _WITHOUT_BETAS_BEFORE_5 - {"adan"}

_DATA_IN_2 = {"resolution", "horizontal_flip", "cache_latents"}

RENAMED: Mapping[str, str] = {**_RENAMED_IN_2}
"""Today's names by those of all earlier versions."""


def migrated(content: Any) -> Any:
    """The plain settings `content` with today's names and without `version`; what is not a table is returned as it is.

    Raises:
        UserError: the version is newer than `VERSION`, or is not a whole number.
    """
    if not isinstance(content, dict):
        return content
    table: Table = {**cast(Table, content)}
    version = table.pop("version", 1)
    if type(version) is not int or version < 1:
        raise UserError(
            f"version = {json.dumps(version, default=str)} is not valid: use a whole number, 1 to {VERSION}."
        )
    if version > VERSION:
        raise UserError(
            f"version = {version} of the settings is newer than {VERSION}, the latest that this SD Fine-Tune reads: "
            "update SD Fine-Tune."
        )
    for step in STEPS[version - 1 :]:
        table = step(table)
    return table


def _to_version_2(content: Table) -> Table:
    """The words of the field: image, prompt template, file format."""
    return _renamed(content, _RENAMED_IN_2)


def _to_version_3(content: Table) -> Table:
    """Images were squares. What has all options of then is a run or a project, which stays as it was."""
    data = content.get("data")
    if isinstance(data, dict) and set(cast(Table, data)) >= _DATA_IN_2:
        return {**content, "data": {"buckets": False, **cast(Table, data)}}
    return content


def _to_version_4(content: Table) -> Table:
    """Latents were in RAM or not cached; they can be on the disk, too."""
    data = content.get("data")
    cached = cast(Table, data).get("cache_latents") if isinstance(data, dict) else None
    if type(cached) is not bool:
        return content
    return {**content, "data": {**cast(Table, data), "cache_latents": "ram" if cached else "off"}}


def _to_version_5(content: Table) -> Table:
    """Betas and epsilon were AdamW's whatever the optimizer, and some ignored them. A run has all options but beta3."""
    found = content.get("optimizer")
    asked = cast(Table, found) if isinstance(found, dict) else {}
    if not set(asked) >= _OPTIMIZER_BEFORE_5 or "beta3" in asked:
        return content
    name = str(asked["name"])
    ignored = {"eps"} if name in _WITHOUT_EPS_BEFORE_5 else set[str]()
    ignored |= {"beta1", "beta2"} if name in _WITHOUT_BETAS_BEFORE_5 else set[str]()
    left = [own for own, default in _BEFORE_5.items() if own in ignored or asked[own] == default]
    return {**content, "optimizer": {**asked, **dict.fromkeys(left, AUTO)}}


def _renamed(content: Table, names: Mapping[str, str]) -> Table:
    """The same with other names for options of a group; where both names are given, the old one stays to be refused."""
    result = {**content}
    for old, new in names.items():
        (group, old_word), new_word = old.split("."), new.split(".")[1]
        table = result.get(group)
        if isinstance(table, dict) and old_word in table and new_word not in table:
            entries = cast(Table, table).items()
            result[group] = {new_word if word == old_word else word: value for word, value in entries}
    return result


STEPS: tuple[Callable[[Table], Table], ...] = (_to_version_2, _to_version_3, _to_version_4, _to_version_5)
"""Step k brings settings of version k to version k + 1."""

VERSION = len(STEPS) + 1
"""The version of the settings that this program writes."""
