"""Runs one job at a time for the page: training, generating class images, generating with a result, captioning."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ...errors import UserError
from ...hosts.host import Host
from ...runs.messages import (
    STARTING,
    WAITING,
    CommandReader,
    Done,
    EventLog,
    Phase,
    command_position,
)
from ...runs.owner import own, try_to_own
from ...runs.snapshots import snapshot_step
from ...runs.worker_process import FoundWorker, forget_worker
from .doing import do_job
from .going import AnyWorker, GivenUp, Going, end_at_once, follow_job
from .job import DOING, Job, NewJob, OwnJob
from .left_behind import noted_jobs, tidy

LOOK_SECONDS = 0.2


class Runner:
    """The one job of this server, from `start` to `_end`, in a thread of its own: no page needs to be open.

    A job whose worker an earlier server left running is adopted. What a worker tells is followed until it ends.

    Args:
        projects: the folder of all projects.
    """

    def __init__(self, host: Host, projects: Path) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._going: Going | None = None
        self._ended: Job | None = None
        for job, worker in noted_jobs(projects):
            with suppress(OSError, UserError):  # one odd folder keeps no server from starting
                self._adopt(job, worker)
        tidy(host, projects)

    def current(self) -> Job | None:
        """The job that is going on."""
        going = self._going
        return going.job if going else None

    def ended(self) -> Job | None:
        """The job that ended last, if one has since this server started."""
        return self._ended

    def start(self, make: Callable[[], NewJob | OwnJob]) -> Job:
        """Make a job and start it, unless there is one: of two presses at once, one starts a run.

        Raises:
            UserError: a job is going on already, or another process has this one; or what `make` raises.
        """
        with self._lock:
            if self._going is not None:
                doing = f'"{self._going.job.project}" is {DOING[self._going.job.kind]}'
                raise UserError(f"Only one job runs at a time, and {doing}: wait until it ends, or stop it.")
            job = make()
            hold = own(job.run)
            EventLog(job.run.events).append(Phase(name=WAITING, done=0, total=1))
            since, commands_since = job.run.events.stat().st_size, command_position(job.run.commands)
            self._going = going = Going(job, hold, since, commands_since)
        _in_thread(lambda: self._do(going, job))
        _in_thread(lambda: self._stop_if_told_while_it_waits(going))
        return job

    def kill(self) -> None:
        """End the job at once, without saving; one that waits for its turn never starts."""
        going = self._going
        if going is not None:
            self._kill(going)

    def close(self) -> None:
        """The server ends: unless another one follows its job, that ends with a snapshot."""
        with self._lock:
            if self._going is not None:
                self._let_go(self._going)

    def _kill(self, going: Going) -> None:
        with self._lock:
            if not going.begun:
                self._cancel(going, "It was ended while it waited for its turn.")
                return
        going.stopping.set()
        if going.worker is not None:
            end_at_once(going.job.run, going.worker)

    def _cancel(self, going: Going, reason: str) -> None:
        """End a job that has no worker yet; what waits for the host's turn in its thread then starts nothing."""
        if not going.over:
            step = snapshot_step(going.job.run)
            EventLog(going.job.run.events).append(Done(step=step, outcome="stopped", reason=reason))
            self._let_go(going)

    def _stop_if_told_while_it_waits(self, going: Going) -> None:
        commands = CommandReader(going.job.run.commands, going.commands_since)
        while not going.begun and not going.over:
            if "stop" in commands.new():
                with self._lock:
                    if not going.begun:  # else the worker reads it
                        self._cancel(going, "It was stopped while it waited for its turn.")
            time.sleep(LOOK_SECONDS)

    def _do(self, going: Going, job: NewJob | OwnJob) -> None:
        try:
            do_job(self._host, going, job, lambda start: self._begin(going, start))
        finally:
            self._end(going)

    def _begin(self, going: Going, start: Callable[[], AnyWorker | None]) -> AnyWorker | None:
        """Its turn has come. Raises GivenUp if it was ended meanwhile."""
        with self._lock:
            if going.over:
                raise GivenUp
            EventLog(going.job.run.events).append(Phase(name=STARTING, done=0, total=1))
            going.worker = start()
            going.begun = True
            return going.worker

    def _adopt(self, job: Job, worker: FoundWorker) -> None:
        """Follow a worker that an earlier server has started; one that has ended since gets its last event.

        What another server owns that is still there is left to it.
        """
        hold = try_to_own(job.run)
        if hold is None:
            return
        going = Going(job, hold, worker.since, worker.commands_since, worker, begun=True)
        if worker.poll() is not None:
            follow_job(self._host, going, worker)
            forget_worker(job.run)
        elif self._going is None:
            self._going = going
            _in_thread(lambda: self._do_adopted(going, worker))
            return
        hold.release()

    def _do_adopted(self, going: Going, worker: FoundWorker) -> None:
        try:
            with self._host.accompany(going.job.run):
                follow_job(self._host, going, worker)
        except GivenUp:
            pass
        finally:
            self._end(going)

    def _end(self, going: Going) -> None:
        """Another job can be started."""
        try:
            if not going.over:
                forget_worker(going.job.run)
        finally:
            with self._lock:
                self._let_go(going)

    def _let_go(self, going: Going) -> None:
        going.over = True
        going.hold.release()
        if self._going is going:
            self._going, self._ended = None, going.job


def _in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="sd-finetune", daemon=True).start()
