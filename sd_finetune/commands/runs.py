"""List runs: their state, step and folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..runs.find import PLACES, runs_in
from ..runs.state import state_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "folders",
        type=Path,
        nargs="*",
        metavar="FOLDER",
        help=f"folders to look in, with their subfolders (default: {' and '.join(PLACES)} in the current folder; the "
        "WebUI's runs are in the folder sd_finetune of its data directory)",
    )


def run(options: argparse.Namespace) -> int:
    """Print a line for each run, the latest last; 0. Raises UserError if a folder does not exist."""
    found = runs_in(options.folders)
    rows = [("state", "step", "folder")]
    for folder in found:
        state = state_of(folder)
        steps = f"{state.step:,} of {state.total:,}" if state.total else "-"
        rows.append((state.name, steps, str(folder.path)))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, steps, path in rows:
        print(f"{name:{widths[0]}}  {steps:>{widths[1]}}  {path}")
    return 0
