"""Workers outlive the process that started them: each is noted in its run folder, where the next one finds it."""

from __future__ import annotations

import json
from pathlib import Path

import psutil

from .atomic import replacing
from .folder import RunFolder
from .follow import GONE


class FoundWorker:
    """A worker that another process started; its exit code is unknown.

    Args:
        started: Unix timestamp.
        since: the byte of the run's events at which its own begin.
    """

    def __init__(self, pid: int, started: float, since: int = 0) -> None:
        self.pid = pid
        self.since = since
        self._started = started

    def poll(self) -> int | None:
        """None while it runs, else GONE. A later process with the same PID does not count."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self._started) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            same = False
        return None if same else GONE

    def kill(self) -> None:
        """Kill it and all processes that it started, without saving."""
        if self.poll() is None:
            for process in [*psutil.Process(self.pid).children(recursive=True), psutil.Process(self.pid)]:
                process.kill()

    def wait(self) -> None:
        """Does nothing: it is not a child of this process."""


def note_worker(run: RunFolder, pid: int, since: int) -> None:
    """Note the worker, whose events begin at byte `since`, so that another process finds it."""
    try:
        started = psutil.Process(pid).create_time()
    except psutil.Error:  # it has ended already, which whoever follows it will notice
        return
    with replacing(_note(run)) as path:
        path.write_text(json.dumps({"pid": pid, "started": started, "since": since}), encoding="utf-8")


def noted_worker(run: RunFolder) -> FoundWorker | None:
    """The noted worker of a run, running or not; None without a note."""
    try:
        note = json.loads(_note(run).read_text(encoding="utf-8"))
        return FoundWorker(int(note["pid"]), float(note["started"]), int(note["since"]))
    except (OSError, ValueError, KeyError):
        return None


def forget_worker(run: RunFolder) -> None:
    """Remove the note of a worker that has ended."""
    _note(run).unlink(missing_ok=True)


def _note(run: RunFolder) -> Path:
    return run.path / "worker.json"
