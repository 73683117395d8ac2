"""Workers outlive the server that started them: each is noted in its run folder, where the next server finds it."""

from __future__ import annotations

import json
from pathlib import Path

import psutil

from .atomic import replacing
from .folder import RunFolder
from .follow import GONE


class FoundWorker:
    """A worker that somebody else has started; how it ended cannot be told.

    Args:
        started: when, in unix seconds.
        since: the byte of the run's events at which its own begin.
    """

    def __init__(self, pid: int, started: float, since: int = 0) -> None:
        self.pid = pid
        self.since = since
        self._started = started

    def poll(self) -> int | None:
        """None while it runs, else GONE. Another process that got its number is not taken for it."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self._started) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            same = False
        return None if same else GONE

    def kill(self) -> None:
        """End it and all that it has started, without saving."""
        if self.poll() is None:
            for process in [*psutil.Process(self.pid).children(recursive=True), psutil.Process(self.pid)]:
                process.kill()

    def wait(self) -> None:
        """It is nobody's child here, so there is nothing to wait for."""


def note_worker(run: RunFolder, pid: int, since: int) -> None:
    """Note the worker, whose events begin at byte `since`, so that another server finds it."""
    try:
        started = psutil.Process(pid).create_time()
    except psutil.Error:  # it ended at once; whoever follows it will see
        return
    with replacing(_note(run)) as path:
        path.write_text(json.dumps({"pid": pid, "started": started, "since": since}), encoding="utf-8")


def noted_worker(run: RunFolder) -> FoundWorker | None:
    """The noted worker of a run, whether it still runs or not; None without a note."""
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
