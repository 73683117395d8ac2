"""Show the progress of a run that goes on; Ctrl+C ends only the watching."""

from __future__ import annotations

import argparse
import sys

from ..runs.follow import follow
from ..runs.messages import Error, Event
from ..runs.progress import Progress
from .running_run import add_run_argument, find_running


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_run_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Until the run ends; 0: it finished or was stopped, 1: it failed. Raises UserError if it is not running."""
    folder, worker = find_running(options.run_folder)
    event: Event | None = None
    with Progress(sys.stdout) as progress:
        for event in follow(folder, worker, since=worker.since, owns=False):
            progress.show(event)
    if isinstance(event, Error):
        print(event.message, file=sys.stderr)
    return 1 if isinstance(event, Error) else 0
