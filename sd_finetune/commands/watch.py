"""Starts a worker and shows its progress; Ctrl+C stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from ..runs.folder import RunFolder
from ..runs.follow import follow
from ..runs.launch import kill_worker, start_worker
from ..runs.messages import Error, send_command
from ..runs.worker_process import forget_worker, note_worker
from .progress import Progress

FIRST = "\nStopping after this step and saving the result. Press Ctrl+C again to kill the run without saving.\n"


def watch(folder: RunFolder, *arguments: str) -> bool:
    """Start the run's worker and show its events, an Error on stderr; returns whether the run ended well.

    arguments: as of `start_worker`.
    """
    failure = ""
    since = folder.events.stat().st_size if folder.events.exists() else 0
    process = start_worker(folder, *arguments)
    note_worker(folder, process.pid, since)
    with _stop_on_interrupt(folder, process), Progress(sys.stdout) as progress:
        for event in follow(folder, process, since=since):
            progress.show(event)
            failure = event.message if isinstance(event, Error) else ""
        process.wait()
    forget_worker(folder)
    if failure:
        print(failure, file=sys.stderr)
    return not failure


@contextmanager
def _stop_on_interrupt(folder: RunFolder, process: subprocess.Popen[bytes]) -> Generator[None, None, None]:
    """While the block runs, Ctrl+C (or SIGTERM) sends the command stop, and the second one kills the worker.

    If the block fails, the worker is told to stop too, since nothing would show its progress.
    """
    asked = False

    def interrupt(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            kill_worker(process)
        else:
            asked = True
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
