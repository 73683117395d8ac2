"""Starts a worker and shows its progress; Ctrl+C stops it. Or starts it and leaves it alone."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

from ..errors import CannotWriteError, UserError
from ..runs.folder import RunFolder
from ..runs.follow import follow
from ..runs.launch import kill_worker, start_worker
from ..runs.launched import Launch
from ..runs.messages import Error, Event, command_position, note_end, send_command, was_ended
from ..runs.owner import own
from ..runs.progress import Progress
from ..runs.worker_process import forget_worker, note_worker

FIRST = "\nStopping after this step and saving the result. Press Ctrl+C again to end the run at once, without saving.\n"

PASSING_ON_SECONDS = 5.0
"""How long after Ctrl+C a launcher, which hears it too, may pass it on."""


def add_detach(parser: argparse.ArgumentParser) -> None:
    """The argument of the commands that start a run."""
    parser.add_argument(
        "--detach",
        action="store_true",
        help="start the run and return; it goes on when the terminal is closed (see the commands watch, stop and runs)",
    )


def start(folder: RunFolder, *arguments: str, detach: bool = False, launch: Launch | None = None) -> int:
    """Start the run's worker and, unless it is to go on alone, show its events until it ends, an Error on stderr.

    Returns the exit code; with a launcher that is not 0 either where the worker's is not, so that it ends the others.
    arguments, launch: as of `start_worker`.

    Raises:
        UserError: another process has the run, or it is to be left alone by those it was launched with.
        KeyboardInterrupt: it was ended at once by Ctrl+C.
    """
    if launch is not None and detach:
        raise UserError("--detach is not for a run with a launcher, which waits for it: leave one of them out.")
    with own(folder):
        since = folder.events.stat().st_size if folder.events.exists() else 0
        commands_since = command_position(folder.commands)
        process = start_worker(folder, *arguments, commands_since=commands_since, owned=not detach, launch=launch)
        with suppress(CannotWriteError):  # the worker is there, and found by what it holds
            note_worker(folder, process.pid, since, commands_since)
        if detach:
            print(f"follow it with: python -m sd_finetune watch {folder.path}")
            return 0
        event = _show_to_its_end(folder, process, since, PASSING_ON_SECONDS if launch else 0)
    if isinstance(event, Error):
        print(event.message, file=sys.stderr)
    if was_ended(folder.commands, process.pid):
        raise KeyboardInterrupt
    has_failed = isinstance(event, Error) or (launch is not None and process.returncode != 0)
    return 1 if has_failed else 0


def _show_to_its_end(
    folder: RunFolder, process: subprocess.Popen[bytes], since: int, deaf_seconds: float
) -> Event | None:
    event: Event | None = None
    with _stop_on_interrupt(folder, process, deaf_seconds), Progress(sys.stdout) as progress:
        for event in follow(folder, process, since=since):
            progress.show(event)
        process.wait()
    forget_worker(folder)
    return event


@contextmanager
def _stop_on_interrupt(
    folder: RunFolder, process: subprocess.Popen[bytes], deaf_seconds: float
) -> Generator[None, None, None]:
    """While the block runs, Ctrl+C (or SIGTERM) sends the command stop, and the second one kills the worker.

    If the block fails, the worker is told to stop too, since nothing would show its progress.

    deaf_seconds: how long after the first signal others do not count.
    """
    asked, asked_at = False, 0.0

    def interrupt(number: int, frame: object) -> None:
        nonlocal asked, asked_at
        if asked and time.monotonic() < asked_at + deaf_seconds:
            return
        if asked:
            note_end(folder.commands, process.pid)
            kill_worker(process)
        else:
            asked, asked_at = True, time.monotonic()
            send_command(folder.commands, "stop")
            os.write(2, FIRST.encode())  # print is not safe here: the signal may interrupt another one

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, interrupt) for number in signals]
    try:
        yield
    except BaseException:
        send_command(folder.commands, "stop")
        raise
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
