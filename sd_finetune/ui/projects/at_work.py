"""Whether another process works on a project's jobs: what it works on must not be removed."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import UserError
from ...runs.atomic import is_file
from ...runs.folder import RunFolder
from ...runs.worker_process import process_at
from .project import CAPTIONINGS, CLASS_IMAGE_RUNS, GENERATED, RATE_TRIALS, RUNS, Project, entries

JOBS = (RUNS, CLASS_IMAGE_RUNS, GENERATED, CAPTIONINGS, RATE_TRIALS)


def refuse_if_at_work(project: Project, folders: Sequence[str] = JOBS) -> None:
    """Raise UserError, with the process and the way out, where one has a job in these folders in its hands.

    That may be of another server on the same data folder, or a command that resumed a run.
    """
    for folder in folders:
        for path in entries(project.folder / folder):
            run = RunFolder(path)
            process = process_at(run)
            if process is not None:
                raise UserError(_sentence(project, run, process))


def _sentence(project: Project, run: RunFolder, process: int) -> str:
    by_command = f" or with `python -m sd_finetune stop {run.path}`" if is_file(run.settings) else ""
    which = f"process {process}" if process else "a process"
    return (
        f'{run.path.name} of project "{project.name}" is in the hands of {which}, another server or command on the '
        f"same folder: wait until it ends, or stop it there{by_command}, then try again."
    )
