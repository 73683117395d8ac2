"""The settings file of a command, with presets and `--set` over it; all faults are told together."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..settings.catalogue import all_options
from ..settings.faults import Faults
from ..settings.options import Settings
from ..settings.read import content_of_toml
from .chosen_presets import add_preset, with_presets
from .launching import on_launched

if TYPE_CHECKING:
    from ..checks.check import Further


def add_settings_arguments(parser: argparse.ArgumentParser) -> None:
    """The settings file, presets and overrides, and the folder of runs."""
    add_settings_file(parser)
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="folder for run folders (default: runs)"
    )


def add_settings_file(parser: argparse.ArgumentParser) -> None:
    """The settings file, presets and overrides."""
    parser.add_argument(
        "settings", type=Path, metavar="SETTINGS.toml", help="settings file; `train --help` lists all settings"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="overrides",
        metavar="GROUP.OPTION=VALUE",
        help="overrides a setting of the file, like lora.rank=8 or concepts.1.repeats=2; repeatable",
    )
    add_preset(parser)


def settings_of(options: argparse.Namespace, further: Further | None = None) -> Settings:
    """The settings that a command is to use, for their base checkpoint; prints what presets set.

    further: more faults, which are the command's own, as `checks.check` takes them.

    Raises:
        UserError: the file cannot be read, or the settings cannot be used here; a line for each fault.
    """
    faults = Faults()
    content, told = with_presets(content_of_toml(options.settings), options, faults)
    content = on_launched(content, options.launch, faults)
    settings = usable(content, faults, further)
    for sentence in told:
        print(sentence)
    return settings


def usable(content: dict[str, Any], faults: Faults | None = None, further: Further | None = None) -> Settings:
    """Plain settings, checked as in the tab. Raises UserError, a line for each fault with the setting's name."""
    from ..checks.check import check, nothing_further  # loads Pillow

    found = check(content, faults, further or nothing_further)
    if found.settings is None or found.faults:
        raise UserError("\n".join(_named(*fault) for fault in found.faults.items()))
    return found.settings


def _named(name: str, sentence: str) -> str:
    """The sentence with the name of the option that it is about, which stands beside its field in the tab."""
    if re.sub(r"\.[0-9]+\.", ".", name) not in all_options():
        return sentence
    return "\n".join(line if name in line else f"{name}: {line}" for line in sentence.split("\n"))
