"""Stop a run that goes on, save its result and a snapshot, and wait until it has ended."""

from __future__ import annotations

import argparse
import sys
import time

from ..runs.follow import follow
from ..runs.messages import Done, Error, note_end, send_command
from ..runs.progress import event_text
from ..runs.worker_process import running_worker
from .running_run import add_run_argument, find_running

END_SECONDS, LOOK_SECONDS = 5.0, 0.02
"""How long the worker's process may take to end after its last event."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_run_argument(parser)
    parser.add_argument("--now", action="store_true", help="end it at once, without saving")


def run(options: argparse.Namespace) -> int:
    """0: it has ended. Raises UserError if it is not running."""
    folder, worker = find_running(options.run_folder)
    since = folder.events.stat().st_size if folder.events.exists() else 0  # before a worker that is quick to end
    if options.now:
        note_end(folder.commands, worker.pid)
        worker.kill()
    else:
        send_command(folder.commands, "stop")
        print(f"{folder.path.name} stops after this step and saves.", flush=True)
    for event in follow(folder, worker, since=since, owns=False):
        if isinstance(event, Error):
            print(event.message, file=sys.stderr)
        elif isinstance(event, Done):
            print(event_text(event))
    deadline = time.monotonic() + END_SECONDS
    while running_worker(folder) is not None and time.monotonic() < deadline:  # what comes next may need the run
        time.sleep(LOOK_SECONDS)
    return 0
