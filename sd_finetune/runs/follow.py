"""Follows the events of a run, and notices when its worker dies."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from ..errors import UserError
from .folder import RunFolder
from .meeting import remove_old_meetings
from .messages import Done, Error, Event, EventLog, Step, read_events, was_ended
from .owner import try_to_own
from .snapshots import snapshot_step

GONE = 1000
"""Stands for the exit code of a worker that has ended, where it is unknown."""
SECOND = 3
"""Exit code of a worker that found another one at work on the run, and did nothing."""
TAIL_BYTES = 4000
"""How much of a log is searched for its last line."""
LONGEST_LINE = 300


class Worker(Protocol):
    """A worker's process; a subprocess.Popen is one."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None:
        """Its exit code, None while it runs; negative is the signal that ended it, GONE if it is unknown."""
        ...


def follow(
    folder: RunFolder,
    process: Worker | None = None,
    poll_seconds: float = 0.2,
    since: int = 0,
    meanwhile: Callable[[], None] = lambda: None,
    owns: bool = True,
) -> Iterator[Event]:
    """Yield the run's events as they come, the last one being Done or Error.

    If the worker ends without such an event, one that says how is appended to the events file and yielded.

    Args:
        process: the worker; without it, its death is not noticed.
        since: byte of the events file to begin from, for a resumed run.
        owns: this process is the owner of the run; one that only watches leaves the last word to the owner, if any.
        meanwhile: called whenever it was looked for events, also where there were none.
    """
    step = 0
    while True:
        exit_code = process.poll() if process else None  # asked before reading: a dead worker has written all it will
        events, since = read_events(folder.events, since)
        for event in events:
            yield event
            if isinstance(event, (Done, Error)):
                return
            step = event.step if isinstance(event, Step) else step
        if process is not None and exit_code is not None:
            yield _last_word(folder, process, exit_code, step, owns)
            return
        meanwhile()
        time.sleep(poll_seconds)


def _last_word(folder: RunFolder, process: Worker, exit_code: int, step: int, owns: bool) -> Event:
    """The event that the worker has not written itself."""
    remove_old_meetings()
    event: Event
    if was_ended(folder.commands, process.pid):
        event = Done(step=step, outcome="stopped", reason=ended_at_once(folder))
    else:
        event = Error(_death_message(exit_code, folder.log))
    if exit_code == SECOND:  # what happens in the folder is told by the other worker
        return event
    held = None if owns else try_to_own(folder)
    if owns or held:
        with suppress(UserError):  # its folder is gone
            EventLog(folder.events).append(event)
    if held:
        held.release()
    return event


def ended_at_once(folder: RunFolder) -> str:
    """What a user is told who has ended a run at once."""
    step = snapshot_step(folder)
    way_out = f": it can be resumed from step {step:,}" if step else ""
    return f"You ended it at once, without saving{way_out}."


def _death_message(exit_code: int, log: Path) -> str:
    line = last_line(log)
    output = f'; its last output was "{line}"' if line else ""
    return f"The worker {manner_of_death(exit_code)}{output}: see {log} for all of it."


def manner_of_death(exit_code: int) -> str:
    """How a process ended that was not done, after its name: an exit code as in `Worker.poll`."""
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
    except OSError:
        return ""
    return next((line.strip()[:LONGEST_LINE] for line in reversed(lines) if line.strip()), "")
