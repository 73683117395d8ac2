"""Runs one job at a time for the page: training, generating class images, generating with a result."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from ...errors import UserError
from ...hosts.host import Host
from ...runs.follow import follow
from ...runs.launch import kill_worker
from ...runs.messages import Error, EventLog, Phase, Saved, send_command
from ...runs.worker_process import FoundWorker, forget_worker, note_worker
from ...settings.methods import ResultKind
from .generate import wait_for_images
from .job import DOING, STARTING, WAITING, Job, NewJob
from .left_behind import end_waiting_jobs, noted_jobs

AnyWorker = FoundWorker | subprocess.Popen[bytes]


class Runner:
    """The one job of this server, from `start` to `_end`, in a thread of its own: no page needs to be open.

    A job whose worker an earlier server left running is adopted. What a worker tells is followed until it ends.

    Args:
        projects: the folder of all projects.
    """

    def __init__(self, host: Host, projects: Path) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._ended: Job | None = None
        self._worker: AnyWorker | None = None
        self._canceled = False
        for job, worker in noted_jobs(projects):
            self._adopt(job, worker)
        end_waiting_jobs(projects)

    def current(self) -> Job | None:
        """The job that is going on."""
        return self._job

    def ended(self) -> Job | None:
        """The job that ended last, if one has since this server started."""
        return self._ended

    def start(self, make: Callable[[], NewJob]) -> Job:
        """Make a job and start it, unless there is one: of two presses at once, one starts a run.

        Raises:
            UserError: a job is going on already; or what `make` raises.
        """
        with self._lock:
            if self._job is not None:
                doing = f'"{self._job.project}" is {DOING[self._job.kind]}'
                raise UserError(f"Only one job runs at a time, and {doing}: wait until it ends, or stop it.")
            job = make()
            EventLog(job.run.events).append(Phase(name=WAITING, done=0, total=1))
            self._job, self._canceled = job, False
        since = job.run.events.stat().st_size
        _in_thread(lambda: self._do(job, since))
        return job

    def kill(self) -> None:
        """End the job at once, without saving; one that waits for its turn never starts."""
        self._canceled = True
        if isinstance(self._worker, FoundWorker):
            self._worker.kill()
        elif self._worker is not None:
            kill_worker(self._worker)

    def _do(self, job: NewJob, since: int) -> None:
        """Wait for the host's turn, start the worker and see it to its end; its events begin at byte `since`."""
        made: set[ResultKind] = set()
        try:
            with self._host.lend(job.checkpoint, job.run) as weights:
                if self._canceled:
                    raise UserError("Canceled before it started.")
                EventLog(job.run.events).append(Phase(name=STARTING, done=0, total=1))
                self._worker = worker = job.launch(weights)
                if self._canceled:
                    self.kill()
                note_worker(job.run, worker.pid, since)
                made = self._follow(job, worker, since)
                worker.wait()
        except Exception as error:  # nobody else would see it: the thread is ours
            sentence = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            EventLog(job.run.events).append(Error(sentence))
        finally:
            self._end(job, made)

    def _adopt(self, job: Job, worker: FoundWorker) -> None:
        """Follow a worker that an earlier server has started; one that has ended since gets its last event."""
        if worker.poll() is not None:
            self._follow(job, worker, worker.since)
            forget_worker(job.run)
        elif self._job is None:
            self._job, self._worker = job, worker
            _in_thread(lambda: self._do_adopted(job, worker))

    def _do_adopted(self, job: Job, worker: FoundWorker) -> None:
        made: set[ResultKind] = set()
        try:
            made = self._follow(job, worker, worker.since)
        finally:
            self._end(job, made)

    def _follow(self, job: Job, worker: AnyWorker, since: int) -> set[ResultKind]:
        """Follow the worker to its end; returns the kinds of results that were saved."""
        made: set[ResultKind] = set()
        if job.kind == "generate":
            wait_for_images(job.run, worker)
            return made
        asked = False
        for event in follow(job.run, worker, since=since):
            self._host.show(event, job.run)
            if isinstance(event, Saved) and event.result != "snapshot":
                made.add(event.result)
            if not asked and self._host.asked_to_stop():
                send_command(job.run.commands, "stop")
                asked = True
        return made

    def _end(self, job: Job, made: set[ResultKind]) -> None:
        """The host reads its lists again for what was made; another job can be started."""
        try:
            forget_worker(job.run)
            for kind in made:
                self._host.refresh(kind)
        finally:
            self._worker = None
            self._job, self._ended = None, job


def _in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="sd-finetune", daemon=True).start()
