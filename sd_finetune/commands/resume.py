"""Go on with a run that was stopped or broke off, from its latest snapshot."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..runs.folder import RunFolder
from .watch import watch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("folder", type=Path, metavar="RUN_FOLDER", help="the run's folder, as in runs/dog-001")


def run(options: argparse.Namespace) -> int:
    """0: finished or stopped again; 1: the run failed. A folder that is no run raises UserError."""
    folder = RunFolder(options.folder.absolute())
    folder.read_settings()
    return 0 if watch(folder, "--resume") else 1
