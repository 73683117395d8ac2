"""Train with a settings file, and show the progress."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..runs.folder import RunFolder
from ..settings.missing_files import missing_for_training, refuse
from ..settings.reference import help_text
from .chosen_presets import add_preset, read_with_presets
from .start import add_detach, start


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments; the epilog lists every setting."""
    add_settings_arguments(parser)
    add_detach(parser)
    add_preset(parser)
    parser.epilog = help_text()
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def add_settings_arguments(parser: argparse.ArgumentParser) -> None:
    """The settings file, overrides, and the folder of runs."""
    add_settings_file(parser)
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="folder for run folders (default: runs)"
    )


def add_settings_file(parser: argparse.ArgumentParser) -> None:
    """The settings file and overrides."""
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


def run(options: argparse.Namespace) -> int:
    """0: finished, stopped or detached; 1: the run failed. Raises UserError for settings that are not valid."""
    settings, told = read_with_presets(options.settings, options.preset, options.overrides)
    for sentence in told:
        print(sentence)
    refuse(missing_for_training(settings))
    folder = RunFolder.create(options.runs, settings.output.name, settings)
    print(f"run folder: {folder.path}")
    return start(folder, detach=options.detach)
