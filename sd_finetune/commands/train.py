"""Train with a settings file, and show the progress."""

from __future__ import annotations

import argparse

from ..runs.folder import RunFolder
from ..settings.reference import help_text
from .settings_file import add_settings_arguments, settings_of
from .start import add_detach, start


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments; the epilog lists every setting."""
    add_settings_arguments(parser)
    add_detach(parser)
    parser.epilog = help_text()
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def run(options: argparse.Namespace) -> int:
    """0: finished, stopped or detached; 1: the run failed. Raises UserError for settings that are not valid."""
    from ..checks.training import training_faults  # loads what --help does not need

    settings = settings_of(options, training_faults)
    folder = RunFolder.create(options.runs, settings.output.name, settings)
    print(f"run folder: {folder.path}")
    return start(folder, detach=options.detach, launch=options.launch)
