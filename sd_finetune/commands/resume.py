"""Resume a run that was stopped or interrupted, from its latest snapshot."""

from __future__ import annotations

import argparse

from ..runs.find import find_run
from ..runs.launched import refuse_another_number
from ..runs.resumable import refuse_to_resume
from ..settings.read import to_file
from .settings_file import usable
from .start import add_detach, start


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("folder", metavar="RUN", help="run folder, like runs/dog-001, or its name as runs lists it")
    add_detach(parser)


def run(options: argparse.Namespace) -> int:
    """0: finished or stopped again; 1: the run failed. Raises UserError if the run cannot be resumed."""
    folder = find_run(options.folder)
    settings = folder.read_settings()
    refuse_to_resume(folder)
    if options.launch:
        refuse_another_number(settings.train.devices, options.launch)
    usable(to_file(settings))
    return start(folder, "--resume", detach=options.detach, launch=options.launch)
