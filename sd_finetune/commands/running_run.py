"""The argument RUN of the commands that attach to a run at work."""

from __future__ import annotations

import argparse

from ..errors import UserError
from ..runs.find import find_run
from ..runs.folder import RunFolder
from ..runs.state import state_of
from ..runs.worker_process import FoundWorker, running_worker


def add_run_argument(parser: argparse.ArgumentParser) -> None:
    """RUN."""
    parser.add_argument("run_folder", metavar="RUN", help="run folder, or its name as the command runs lists it")


def find_running(name: str) -> tuple[RunFolder, FoundWorker]:
    """The run and its worker. Raises UserError: there is no such run, or it is not running."""
    run = find_run(name)
    worker = running_worker(run)
    if worker is None:
        raise UserError(f"{run.path.name} is not running: {state_of(run).sentence}")
    return run, worker
