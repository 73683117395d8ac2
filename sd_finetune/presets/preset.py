"""The file of a preset: a TOML table [preset] that tells what it is for, [expected], and settings as in any other file.

read_preset(path) -> Preset; parse_preset(path, text) of a text that is not in a file yet
text_of(preset) -> str
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ..errors import UserError
from ..readable import readable
from ..reading.door import MOST_TEXT_BYTES, is_deep, read_text, reader
from ..settings.catalogue import all_options
from ..settings.keepable import refuse_unkeepable
from ..settings.methods import ALL_METHODS, METHODS
from ..settings.migrations import VERSION, migrated
from ..settings.options import Settings
from ..settings.read import find_faults, from_dict
from ..settings.rules import file_name_rule, is_file_name
from ..settings.toml import parse_toml, toml_text
from .expected import Expected, expected_faults, expected_in, expected_table
from .parts import options_of, part_of

SUBJECTS = {"subject": "Subject", "style": "Style", "character": "Character"}
"""What is trained, and what it is called."""
ENDING = ".toml"
MOST_DESCRIPTION = 2000
"""Letters."""
HEAD = {"name", "description", "method", "subject", "version"}
FILLED_IN: Mapping[str, Any] = {
    "base": {"checkpoint": "base.safetensors"},
    "concepts": [{"folder": "images", "instance_prompt": "[name]", "class_prompt": "an image", "mask_folder": "masks"}],
}
"""For what a preset cannot have, so that the rest can be checked."""


@dataclass(frozen=True)
class Preset:
    """One preset. settings: plain values by the options' full names. subject: one of SUBJECTS, or empty."""

    name: str
    method: str
    settings: Mapping[str, Any]
    description: str = ""
    subject: str = ""
    expected: Expected = field(default_factory=Expected)


@reader
def read_preset(path: Path) -> Preset:
    """The preset in a file.

    Raises:
        UserError: it cannot be read, is of a later version, or has faults; one line for each.
    """
    return parse_preset(path, read_text(path))


@reader
def parse_preset(path: Path, text: str) -> Preset:
    """The preset in a text that has come as the file `path`. Raises UserError as above."""
    if len(text) > MOST_TEXT_BYTES:
        raise UserError(f"{path} is longer than {MOST_TEXT_BYTES:,} bytes: choose the right file.")
    content = parse_toml(path, text)
    if is_deep(content):
        raise UserError(f"{path} is nested too deep: use one table for each group of options.")
    head = content.pop("preset", None)
    if not isinstance(head, dict):
        raise UserError(f"{path} is not a preset, as it has no table [preset]: choose the file of a preset.")
    return _checked(path, cast("dict[str, Any]", head), content)


def preset_of(name: str, method: str, settings: Mapping[str, Any], description: str = "", subject: str = "") -> Preset:
    """A new one. Raises UserError if it has faults, a line for each."""
    head = {"name": name, "description": description, "method": method, "subject": subject}
    found = [*_head_faults(head), *_settings_faults(method, _nested(settings))]
    if found:
        raise UserError("\n".join(found))
    return Preset(name, method, dict(settings), description, subject)


def text_of(preset: Preset) -> str:
    """The text of the preset's file."""
    head = {"name": preset.name, "description": preset.description, "method": preset.method}
    head |= {"subject": preset.subject} if preset.subject else {}
    expected = expected_table(preset.expected)
    return toml_text(
        {
            "preset": {**head, "version": VERSION},
            **({"expected": expected} if expected else {}),
            **_nested(preset.settings),
        }
    )


def settings_of(preset: Preset) -> Settings:
    """Whole settings with a preset's, and something for what a preset does not have."""
    return from_dict(_whole(preset.method, _nested(preset.settings)))


def _checked(path: Path, head: dict[str, Any], content: dict[str, Any]) -> Preset:
    """The preset, if nothing is wrong with its parts."""
    expected = content.pop("expected", {})
    method = head.get("method")
    settings = migrated({**content, "version": head.get("version", 1)})
    faults = [*_head_faults(head), *expected_faults(expected), *_settings_faults(method, settings)]
    if faults:
        raise UserError("\n".join(f"{path.name}: {readable(fault)}" for fault in faults))
    values = {f"{group}.{option}": value for group, table in settings.items() for option, value in table.items()}
    told = {name: str(head.get(name, "")) for name in ("name", "description", "subject")}
    return Preset(method=str(method), settings=values, expected=expected_in(expected), **told)


def _head_faults(head: Mapping[str, Any]) -> Iterator[str]:
    for name in head.keys() - HEAD:
        yield f"preset.{name[:100]} is not known: remove it."
    for name in ("name", "description", "subject", "method"):
        if not isinstance(head.get(name, ""), str):
            yield f"preset.{name} = {_shown(head[name])} is not valid: use a text."
            return
    name, method, subject = (head.get(key, "") for key in ("name", "method", "subject"))
    if not is_file_name(name):
        yield f'preset.name = "{name[:100]}" is not valid as a file name: {file_name_rule(name)}.'
    if method not in ALL_METHODS:
        yield f"preset.method = {_shown(method)} is not valid: use one of {', '.join(ALL_METHODS)}."
    if subject and subject not in SUBJECTS:
        yield f"preset.subject = {_shown(subject)} is not valid: use one of {', '.join(SUBJECTS)}."
    if len(head.get("description", "")) > MOST_DESCRIPTION:
        yield f"preset.description is longer than {MOST_DESCRIPTION:,} characters: shorten it."


def _settings_faults(method: Any, settings: Mapping[str, Any]) -> Iterator[str]:
    """Sentences about settings that no preset can have, or that are not valid."""
    kept: dict[str, Any] = {}
    for group, table in settings.items():
        if not isinstance(table, dict):
            kept[group] = table  # to be told that it is no table, or no option
            if group == "concepts" or group == "method":
                yield f"{group} is in no preset: {'give preset.method' if group == 'method' else 'remove it'}."
                del kept[group]
            continue
        entries = cast("dict[str, Any]", table)
        kept[group] = {name: value for name, value in entries.items() if not _why_not(f"{group}.{name}", method)}
        yield from (why for name in entries if (why := _why_not(f"{group}.{name}", method)))
    yield from find_faults(_whole(method, kept)).values() or _too_large(kept)


def _too_large(settings: dict[str, Any]) -> Iterator[str]:
    """Sentences about values that no form could keep, such as texts of a million letters."""
    try:
        refuse_unkeepable(settings)
    except UserError as error:
        yield str(error)


def _why_not(name: str, method: Any) -> str:
    """Why no preset for a method has the option, as a sentence; empty if one can, or where there is no such option."""
    if name not in all_options():
        return ""
    if part_of(name) == "never":
        return f"{name} is in no preset, which has no paths, prompts, words and names: remove it."
    if method in METHODS and name not in options_of(method):
        return f"{name} is not for method {method}: remove it."
    return ""


def _whole(method: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with what a project adds to a preset's."""
    whole = {**settings, **FILLED_IN, "method": method if method in METHODS else ALL_METHODS[0]}
    inversion = settings.get("textual_inversion")
    if isinstance(inversion, dict):
        whole["textual_inversion"] = {**cast("dict[str, Any]", inversion), "own_templates": ["[name]"]}
    layers = settings.get("lora")
    beside_words = isinstance(layers, dict) and cast("dict[str, Any]", layers).get("new_words", "none") != "none"
    if method != "textual_inversion" and not beside_words:  # where [name] stands for nothing
        whole["concepts"] = [{**FILLED_IN["concepts"][0], "instance_prompt": "an image"}]
    return whole


def _nested(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The values in the tables of their groups."""
    tables: dict[str, dict[str, Any]] = {}
    for name, value in settings.items():
        group, _, option = name.partition(".")
        tables.setdefault(group, {})[option] = value
    return tables


def _shown(value: Any) -> str:
    return json.dumps(value, default=str)[:100]
