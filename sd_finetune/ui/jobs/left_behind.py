"""What an earlier server left behind: jobs whose workers are noted, and jobs that never got one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import get_args

from ...errors import UserError
from ...hosts.host import Host
from ...runs.atomic import is_file
from ...runs.folder import RunFolder
from ...runs.messages import STARTING, WAITING, Error, EventLog, Phase, read_events
from ...runs.owner import try_to_own
from ...runs.unfinished import remove_leftovers, remove_leftovers_of_runs
from ...runs.worker_process import FoundWorker, noted_worker
from ...settings.methods import ResultKind
from ..projects.host_folders import CLASS_IMAGES
from ..projects.project import CAPTIONINGS, CLASS_IMAGE_RUNS, GENERATED, RATE_TRIALS, RUNS, all_projects, entries
from .job import Job, JobKind

KIND_OF_FOLDER: dict[str, JobKind] = {
    RUNS: "train", CLASS_IMAGE_RUNS: "class images", GENERATED: "generate", CAPTIONINGS: "captions",
    RATE_TRIALS: "rates",
}  # fmt: skip
"""In a project's folder."""
MOST_BYTES_OF_WAITING = 4096
"""Of the events of a job that never started, so that those of long runs are not read again at each start."""


def noted_jobs(projects: Path) -> Iterator[tuple[Job, FoundWorker]]:
    """The jobs of all projects whose workers are noted, whether they still run or not."""
    for job in _all_jobs(projects):
        worker = noted_worker(job.run)
        if worker is not None:
            yield job, worker


def end_waiting_jobs(projects: Path) -> None:
    """A job that still waited for its turn when its server stopped has nobody who would start it: say so in it."""
    for job in _all_jobs(projects):
        with suppress(OSError, UserError):  # one odd folder keeps no server from starting
            if _waits(job.run) and noted_worker(job.run) is None:
                _end_waiting(job.run)


def tidy(host: Host, projects: Path) -> None:
    """At the start of a server: end jobs that wait for one that is gone, and remove what was left unfinished."""
    end_waiting_jobs(projects)
    remove_unfinished(host, projects)


def remove_unfinished(host: Host, projects: Path) -> None:
    """Remove files that processes which are gone have left unfinished, wherever the tab has them written."""
    remove_leftovers([projects, host.data_folder, *entries(host.data_folder / CLASS_IMAGES)])
    results = (host.result_folder(kind) for kind in get_args(ResultKind))
    remove_leftovers(folder for folder in results if folder is not None)
    for project in all_projects(projects):
        remove_leftovers([project.folder, project.snapshots])
        for name in KIND_OF_FOLDER:
            remove_leftovers_of_runs(project.folder / name)


def _end_waiting(run: RunFolder) -> None:
    held = try_to_own(run)
    if held is not None:  # else it waits in another server, which will start it
        with held:
            EventLog(run.events).append(Error("The server stopped before this job started: start it again."))


def _all_jobs(projects: Path) -> Iterator[Job]:
    for project in all_projects(projects):
        for folder, kind in KIND_OF_FOLDER.items():
            for path in entries(project.folder / folder):
                yield Job(kind, project.name, RunFolder(path))


def _waits(run: RunFolder) -> bool:
    if not is_file(run.events) or run.events.stat().st_size > MOST_BYTES_OF_WAITING:
        return False
    events, _ = read_events(run.events)
    return bool(events) and isinstance(events[-1], Phase) and events[-1].name in (WAITING, STARTING)
