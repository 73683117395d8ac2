"""A job that is going on: its worker is followed, and ended when the host or a user says so."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from ...errors import CannotWriteError
from ...hosts.host import Host
from ...runs.file_lock import Hold
from ...runs.folder import RunFolder
from ...runs.follow import follow
from ...runs.launch import kill_worker
from ...runs.messages import note_end, send_command
from ...runs.worker_process import FoundWorker
from .generate import wait_for_images
from .job import Job

SAVE_SECONDS, LOOK_SECONDS = 60.0, 0.2
"""How long a worker that can be followed no more may take to save."""

AnyWorker = FoundWorker | subprocess.Popen[bytes]


class GivenUp(Exception):
    """This server no longer follows the job: another may."""


@dataclass
class Going:
    """A job that is going on, and its worker as soon as it has one.

    hold: this process is the owner of its folder. since, commands_since: bytes at which its events and commands begin.
    begun: it is past waiting for its turn. stopping: is set where work of this process shall end. to_write: what this
    server writes while it follows, each tried again until the disk takes it.
    """

    job: Job
    hold: Hold
    since: int
    commands_since: int
    worker: AnyWorker | None = None
    begun: bool = False
    over: bool = False
    stopping: threading.Event = field(default_factory=threading.Event)
    to_write: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    def write(self) -> None:
        """Write what is to be written, as far as that is possible now."""
        self.to_write = [each for each in self.to_write if not _is_written(each)]


def follow_job(host: Host, going: Going, worker: AnyWorker) -> None:
    """Follow the worker to its end; whatever fails here, it has ended then, and the host may have its VRAM back.

    The host's button to interrupt stops it, in whatever phase it is.

    Raises:
        GivenUp: the server has closed.
    """
    try:
        _follow(host, going, worker)
    except GivenUp:
        raise
    except Exception:
        _stop_and_wait(going.job.run, worker)
        raise


def _follow(host: Host, going: Going, worker: AnyWorker) -> None:
    run, asked = going.job.run, False

    def pass_interrupt_on() -> None:
        nonlocal asked
        if going.over:
            raise GivenUp
        going.write()
        if not asked and host.asked_to_stop(run):
            asked = True
            if going.job.kind == "generate":  # its images are whole as they come, and there is nothing to save
                end_at_once(run, worker)
            else:
                going.to_write.append(partial(send_command, run.commands, "stop"))
                going.write()

    if going.job.kind == "generate":
        wait_for_images(run, worker, pass_interrupt_on)
        return
    for event in follow(run, worker, since=going.since, meanwhile=pass_interrupt_on):
        host.show(event, run)


def end_at_once(run: RunFolder, worker: AnyWorker) -> None:
    """End a worker without saving, and note that a user did it."""
    note_end(run.commands, worker.pid)
    _kill(worker)


def _stop_and_wait(run: RunFolder, worker: AnyWorker) -> None:
    """Have a worker save and end that can be followed no more, or end it; nothing where it has ended."""
    if worker.poll() is None:
        with suppress(CannotWriteError):
            send_command(run.commands, "stop")
    until = time.monotonic() + SAVE_SECONDS
    while worker.poll() is None:
        if time.monotonic() >= until:
            _kill(worker)
        time.sleep(LOOK_SECONDS)


def _kill(worker: AnyWorker) -> None:
    if isinstance(worker, FoundWorker):
        worker.kill()
    else:
        kill_worker(worker)


def _is_written(write: Callable[[], None]) -> bool:
    try:
        write()
    except (OSError, CannotWriteError):
        return False
    return True
