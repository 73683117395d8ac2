"""Workers outlive the process that started them: each is noted in its run folder, where the next one finds it."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

import psutil

from .atomic import replacing
from .file_lock import LOOK_SECONDS, holder
from .folder import RunFolder
from .follow import GONE
from .launch import kill_tree


class FoundWorker:
    """A worker that another process started; its exit code is unknown.

    Args:
        started: Unix timestamp.
        since: the byte of the run's events at which its own begin.
        commands_since: the same of the run's commands.
        lock: the file that it holds while it runs, if it is of the kind that does.
    """

    def __init__(
        self, pid: int, started: float, since: int = 0, commands_since: int = 0, lock: Path | None = None
    ) -> None:
        self.pid = pid
        self.since = since
        self.commands_since = commands_since
        self._started = started
        self._lock = lock

    def poll(self) -> int | None:
        """None while it runs, else GONE. A later process with the same PID does not count."""
        if self._lock is not None and holder(self._lock) == self.pid:  # whatever the clock has done since it started
            return None
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self._started) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, ValueError, OverflowError):
            same = False
        return None if same else GONE

    def kill(self) -> None:
        """Kill it and all processes that it started, without saving."""
        if self.poll() is None:
            kill_tree(self.pid)

    def wait(self) -> None:
        """Does nothing: it is not a child of this process."""


def note_worker(run: RunFolder, pid: int, since: int, commands_since: int = 0) -> None:
    """Note the worker, so that another process finds it; arguments are those of `FoundWorker`."""
    try:
        started = psutil.Process(pid).create_time()
    except psutil.Error:  # it has ended already, which whoever follows it will notice
        return
    note = {"pid": pid, "started": started, "since": since, "commands_since": commands_since}
    with replacing(_note(run)) as path:
        path.write_text(json.dumps(note), encoding="utf-8")


def noted_worker(run: RunFolder) -> FoundWorker | None:
    """The noted worker of a run, running or not; None without a note that can be read."""
    try:
        note = json.loads(_note(run).read_text(encoding="utf-8"))
        numbers = int(note["pid"]), float(note["started"]), int(note["since"]), int(note.get("commands_since", 0))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return FoundWorker(*numbers, lock=run.worker_lock) if numbers[0] > 0 else None


def running_worker(run: RunFolder) -> FoundWorker | None:
    """The worker of a run, if it is running; also one that was started by hand and that nobody has noted."""
    worker = noted_worker(run)
    if worker is not None and worker.poll() is None:
        return worker
    pid = holder(run.worker_lock)
    return FoundWorker(pid, 0.0, lock=run.worker_lock) if pid else None


def process_at(run: RunFolder) -> int | None:
    """The process that has a run in its hands, its owner or its worker; None if nobody has.

    UNKNOWN where it cannot be told which one that is.
    """
    if _at_work(run) is None:
        return None
    time.sleep(LOOK_SECONDS)  # whoever looks at a lock holds it for a moment
    return _at_work(run)


def _at_work(run: RunFolder) -> int | None:
    owner = holder(run.owner_lock)
    if owner is not None:
        return owner
    worker = running_worker(run)
    return worker.pid if worker else holder(run.worker_lock)


def forget_worker(run: RunFolder) -> None:
    """Remove the note of a worker that has ended."""
    with suppress(OSError):
        _note(run).unlink(missing_ok=True)


def _note(run: RunFolder) -> Path:
    return run.path / "worker.json"
