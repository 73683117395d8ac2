"""Stop a run that goes on, save its result and a snapshot, and wait until it has ended."""

from __future__ import annotations

import argparse
import sys

from ..errors import UserError
from ..runs.find import find_run
from ..runs.follow import follow
from ..runs.messages import Done, Error, note_end, send_command
from ..runs.progress import event_text
from ..runs.state import state_of
from ..runs.worker_process import running_worker


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("run_folder", metavar="RUN", help="run folder, or its name as the command runs lists it")
    parser.add_argument("--now", action="store_true", help="end it at once, without saving")


def run(options: argparse.Namespace) -> int:
    """0: it has ended. Raises UserError if it is not running."""
    folder = find_run(options.run_folder)
    worker = running_worker(folder)
    if worker is None:
        raise UserError(f"{folder.path.name} is not running: {state_of(folder).sentence}")
    if options.now:
        note_end(folder.commands, worker.pid)
        worker.kill()
    else:
        send_command(folder.commands, "stop")
        print(f"{folder.path.name} stops after this step and saves.", flush=True)
    for event in follow(
        folder, worker, since=folder.events.stat().st_size if folder.events.exists() else 0, owns=False
    ):
        if isinstance(event, Error):
            print(event.message, file=sys.stderr)
        elif isinstance(event, Done):
            print(event_text(event))
    return 0
