"""Reads a run as it happens, and notices when its worker has died."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from .folder import RunFolder
from .messages import Done, Error, Event, EventLog, read_events

GONE = 1000
"""The exit code of a worker that has ended nobody knows how."""


class Worker(Protocol):
    """What is asked of a worker's process; a subprocess.Popen is one."""

    def poll(self) -> int | None:
        """Its exit code, None while it runs; negative is the signal that ended it, GONE if it cannot be told."""
        ...


def follow(
    folder: RunFolder, process: Worker | None = None, poll_seconds: float = 0.2, since: int = 0
) -> Iterator[Event]:
    """Yield the run's events as they come, the last one being Done or Error.

    If the worker dies without a last word, an Error that says how is written to the events file and yielded.

    Args:
        process: the worker; without it (a run that somebody else has started) its death cannot be noticed.
        since: byte of the events file to begin from, for a run that goes on in an old folder.
    """
    while True:
        exit_code = process.poll() if process else None  # asked before reading: a dead worker has written all it will
        events, since = read_events(folder.events, since)
        for event in events:
            yield event
            if isinstance(event, (Done, Error)):
                return
        if exit_code is not None:
            error = Error(_last_word(exit_code, folder.log))
            EventLog(folder.events).append(error)
            yield error
            return
        time.sleep(poll_seconds)


def _last_word(exit_code: int, log: Path) -> str:
    line = last_line(log)
    said = f'; the last thing it said was "{line}"' if line else ""
    return f"The worker {_manner_of_death(exit_code)}{said}: {log} holds all that it said."


def _manner_of_death(exit_code: int) -> str:
    if exit_code == GONE:
        return "ended before the run was done"
    if exit_code >= 0:
        return f"ended with exit code {exit_code} before the run was done"
    name = signal.Signals(-exit_code).name if -exit_code in set(signal.Signals) else f"signal {-exit_code}"
    hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}, before the run was done"


def last_line(log: Path, tail_bytes: int = 4000, length: int = 300) -> str:
    """The last line of a log that is not empty, or as much of it as is worth showing; "" if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - tail_bytes))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return next((line.strip()[:length] for line in reversed(lines) if line.strip()), "")
