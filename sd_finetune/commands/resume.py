"""Resume a run that was stopped or interrupted, from its latest snapshot."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import UserError
from ..runs.folder import RunFolder
from ..runs.resumable import refuse_to_resume
from ..runs.worker_process import noted_worker
from .watch import watch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("folder", type=Path, metavar="RUN_FOLDER", help="run folder, like runs/dog-001")


def run(options: argparse.Namespace) -> int:
    """0: finished or stopped again; 1: the run failed. Raises UserError if the run cannot be resumed."""
    folder = RunFolder(options.folder.absolute())
    folder.read_settings()
    refuse_to_resume(folder)
    worker = noted_worker(folder)
    if worker is not None and worker.poll() is None:
        raise UserError(f"{folder.path} is running as process {worker.pid}: wait until it ends, or stop it first.")
    return 0 if watch(folder, "--resume") else 1
