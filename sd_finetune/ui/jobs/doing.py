"""Does a job from its turn to its end: with a worker, or in this process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from ...errors import UserError
from ...hosts.host import Host
from ...runs.messages import Error, Event, EventLog
from ...runs.worker_process import note_worker
from .going import AnyWorker, GivenUp, Going, follow_job
from .job import NewJob, OwnJob

log = logging.getLogger(__name__)

Begin = Callable[[Callable[[], AnyWorker | None]], AnyWorker | None]
"""Calls what starts a worker and returns that; raises GivenUp if the job was ended while it waited for its turn."""


def do_job(host: Host, going: Going, job: NewJob | OwnJob, begin: Begin) -> None:
    """Wait for the host's turn, do the job and see it to its end; what goes wrong is told by its last event."""
    ended = False
    try:
        if isinstance(job, OwnJob):
            with host.in_turn(job.run, lambda: going.over):
                begin(lambda: None)
                _work(host, going, job)
                ended = True
        else:
            with host.lend(job.checkpoint, job.run, lambda: going.over) as weights:
                worker = begin(lambda: job.launch(weights, going.commands_since))
                assert worker is not None
                going.to_write.append(partial(note_worker, job.run, worker.pid, going.since, going.commands_since))
                going.write()
                follow_job(host, going, worker)
                worker.wait()
                ended = True
    except GivenUp:
        pass
    except Exception as error:  # nobody else would see it: the thread is ours
        if ended:
            log.exception(f"After {job.run.path.name} the {host.name} could not go on as before")
            return
        sentence = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        if not going.over:
            EventLog(job.run.events).append(Error(sentence))


def _work(host: Host, going: Going, job: OwnJob) -> None:
    events = EventLog(job.run.events)

    def tell(event: Event) -> None:
        events.append(event)
        host.show(event, job.run)

    def is_stopped() -> bool:
        return going.over or going.stopping.is_set() or host.asked_to_stop(job.run)

    job.work(tell, is_stopped)
