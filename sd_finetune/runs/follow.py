"""Follows the events of a run, and notices when its worker dies."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from .folder import RunFolder
from .messages import Done, Error, Event, EventLog, read_events

GONE = 1000
"""Stands for the exit code of a worker that has ended, where it is unknown."""
TAIL_BYTES = 4000
"""How much of a log is searched for its last line."""
LONGEST_LINE = 300


class Worker(Protocol):
    """A worker's process; a subprocess.Popen is one."""

    def poll(self) -> int | None:
        """Its exit code, None while it runs; negative is the signal that ended it, GONE if it is unknown."""
        ...


def follow(
    folder: RunFolder, process: Worker | None = None, poll_seconds: float = 0.2, since: int = 0
) -> Iterator[Event]:
    """Yield the run's events as they come, the last one being Done or Error.

    If the worker ends without such an event, an Error that says how is appended to the events file and yielded.

    Args:
        process: the worker; without it, its death is not noticed.
        since: byte of the events file to begin from, for a resumed run.
    """
    while True:
        exit_code = process.poll() if process else None  # asked before reading: a dead worker has written all it will
        events, since = read_events(folder.events, since)
        for event in events:
            yield event
            if isinstance(event, (Done, Error)):
                return
        if exit_code is not None:
            error = Error(_death_message(exit_code, folder.log))
            EventLog(folder.events).append(error)
            yield error
            return
        time.sleep(poll_seconds)


def _death_message(exit_code: int, log: Path) -> str:
    line = last_line(log)
    output = f'; its last output was "{line}"' if line else ""
    return f"The worker {_manner_of_death(exit_code)}{output}: see {log} for all of it."


def _manner_of_death(exit_code: int) -> str:
    if exit_code == GONE:
        return "ended before the run was done"
    if exit_code >= 0:
        return f"ended with exit code {exit_code} before the run was done"
    name = signal.Signals(-exit_code).name if -exit_code in set(signal.Signals) else f"signal {-exit_code}"
    hint = " (the system does this when RAM runs out)" if name == "SIGKILL" else ""
    return f"was killed by {name}{hint} before the run was done"


def last_line(log: Path) -> str:
    """The last non-empty line of a log, at most LONGEST_LINE characters; "" if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return next((line.strip()[:LONGEST_LINE] for line in reversed(lines) if line.strip()), "")
