"""Train as a settings file says, and show it happen."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..runs.folder import RunFolder
from ..settings.missing_files import missing_for_training, refuse
from ..settings.read import read_toml
from ..settings.reference import help_text
from .watch import watch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments; every setting is listed below them."""
    add_settings_arguments(parser)
    parser.epilog = help_text()
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def add_settings_arguments(parser: argparse.ArgumentParser) -> None:
    """A settings file, what counts instead of it, and where runs are."""
    parser.add_argument(
        "settings", type=Path, metavar="SETTINGS.toml", help="what to do; `train --help` lists all settings"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="overrides",
        metavar="GROUP.OPTION=VALUE",
        help="a setting that counts instead of the file's, as lora.rank=8 or concepts.1.repeats=2; may be repeated",
    )
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="where run folders are made (default: runs)"
    )


def run(options: argparse.Namespace) -> int:
    """0: finished or stopped; 1: the run failed. Settings that cannot be used raise UserError."""
    settings = read_toml(options.settings, options.overrides)
    refuse(missing_for_training(settings))
    folder = RunFolder.create(options.runs, settings.output.name, settings)
    print(f"run folder: {folder.path}")
    return 0 if watch(folder) else 1
