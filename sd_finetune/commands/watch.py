"""Show the progress of a run that goes on; Ctrl+C ends only the watching."""

from __future__ import annotations

import argparse
import sys

from ..errors import UserError
from ..runs.find import find_run
from ..runs.follow import follow
from ..runs.messages import Error, Event
from ..runs.progress import Progress
from ..runs.state import state_of
from ..runs.worker_process import running_worker


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("run_folder", metavar="RUN", help="run folder, or its name as the command runs lists it")


def run(options: argparse.Namespace) -> int:
    """Until the run ends; 0: it finished or was stopped, 1: it failed. Raises UserError if it is not running."""
    folder = find_run(options.run_folder)
    worker = running_worker(folder)
    if worker is None:
        raise UserError(f"{folder.path.name} is not running: {state_of(folder).sentence}")
    event: Event | None = None
    with Progress(sys.stdout) as progress:
        for event in follow(folder, worker, since=worker.since, owns=False):
            progress.show(event)
    if isinstance(event, Error):
        print(event.message, file=sys.stderr)
    return 1 if isinstance(event, Error) else 0
