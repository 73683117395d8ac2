"""A job that is going on: its worker is followed, and ended when the host or a user says so."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import dataclass, field

from ...hosts.host import Host
from ...runs.file_lock import Hold
from ...runs.folder import RunFolder
from ...runs.follow import follow
from ...runs.launch import kill_worker
from ...runs.messages import note_end, send_command
from ...runs.worker_process import FoundWorker
from .generate import wait_for_images
from .job import Job

AnyWorker = FoundWorker | subprocess.Popen[bytes]


class GivenUp(Exception):
    """This server no longer follows the job: another may."""


@dataclass
class Going:
    """A job that is going on, and its worker as soon as it has one.

    hold: this process is the owner of its folder. since, commands_since: bytes at which its events and commands begin.
    begun: it is past waiting for its turn. stopping: is set where work of this process shall end.
    """

    job: Job
    hold: Hold
    since: int
    commands_since: int
    worker: AnyWorker | None = None
    begun: bool = False
    over: bool = False
    stopping: threading.Event = field(default_factory=threading.Event)


def follow_job(host: Host, going: Going, worker: AnyWorker) -> None:
    """Follow the worker to its end.

    The host's button to interrupt stops it, in whatever phase it is.

    Raises:
        GivenUp: the server has closed.
    """
    run, asked = going.job.run, False

    def pass_interrupt_on() -> None:
        nonlocal asked
        if going.over:
            raise GivenUp
        if not asked and host.asked_to_stop(run):
            asked = True
            if going.job.kind == "generate":  # its images are whole as they come, and there is nothing to save
                end_at_once(run, worker)
            else:
                send_command(run.commands, "stop")

    if going.job.kind == "generate":
        wait_for_images(run, worker, pass_interrupt_on)
        return
    for event in follow(run, worker, since=going.since, meanwhile=pass_interrupt_on):
        host.show(event, run)


def end_at_once(run: RunFolder, worker: AnyWorker) -> None:
    """End a worker without saving, and note that a user did it."""
    note_end(run.commands, worker.pid)
    if isinstance(worker, FoundWorker):
        worker.kill()
    else:
        kill_worker(worker)
