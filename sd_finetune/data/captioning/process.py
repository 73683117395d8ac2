"""A program of the user's: what it prints, line by line; it is ended when it is told to stop or takes too long."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue
from typing import IO

from ...errors import UserError
from ...runs.follow import last_line
from ...runs.launch import apart, kill_worker

LOOK_SECONDS = 0.1
END_SECONDS = 10
"""For a program that has closed its output: what it does then is not waited for."""


class CommandFailed(UserError):
    """It was started, and failed or took too long."""


def output_lines(
    words: list[str], folder: Path, given: bytes, seconds: float, stopped: Callable[[], bool]
) -> Iterator[bytes]:
    """Start a program in `folder` and yield the lines that it prints, until it ends or `stopped()` is True.

    Args:
        given: what it reads on its standard input.
        seconds: how long it may print nothing.

    Raises:
        UserError: it cannot be started.
        CommandFailed: its exit code is not 0, or it printed nothing for too long; with the end of its standard error.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        errors = Path(place) / "errors.txt"
        with _started(words, folder, given, errors) as (process, lines):
            until = time.monotonic() + seconds
            while not stopped():
                try:
                    line = lines.get(timeout=LOOK_SECONDS)
                except Empty:
                    if time.monotonic() > until:
                        raise _failed(
                            words, f"printed nothing for {seconds:g} seconds, so it was ended", errors
                        ) from None
                    continue
                if line is None:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(END_SECONDS)
                    if process.returncode:
                        raise _failed(words, f"failed with exit code {process.returncode}", errors)
                    return
                yield line
                until = time.monotonic() + seconds


@contextmanager
def _started(
    words: list[str], folder: Path, given: bytes, errors: Path
) -> Generator[tuple[subprocess.Popen[bytes], Queue[bytes | None]], None, None]:
    """The process and the lines that it prints, None after the last; it does not outlive the block."""
    try:
        with errors.open("wb") as file:
            process = subprocess.Popen(
                words,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env=_environment(),
                start_new_session=True,
                creationflags=apart(),
            )
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"The caption command {words[0]} cannot be started ({reason}): correct its path.") from error
    assert process.stdin is not None
    assert process.stdout is not None
    lines: Queue[bytes | None] = Queue()
    threads = [
        threading.Thread(target=_give, args=(process.stdin, given), name="sd-finetune-caption-in", daemon=True),
        threading.Thread(target=_take, args=(process.stdout, lines), name="sd-finetune-caption-out", daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield process, lines
    finally:
        kill_worker(process)
        process.wait()
        for thread in threads:
            thread.join(END_SECONDS)  # longer than that only if a program that it started holds on to the pipe


def _give(stream: IO[bytes], content: bytes) -> None:
    with suppress(OSError), stream:  # it need not read to the end
        stream.write(content)


def _take(stream: IO[bytes], lines: Queue[bytes | None]) -> None:
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(None)


def _environment() -> dict[str, str]:
    """For Python programs: they print each line at once, and paths as they were given."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}


def _failed(words: list[str], what: str, errors: Path) -> CommandFailed:
    line = last_line(errors)
    said = f'; its last words were "{line}"' if line else " and said nothing of why"
    return CommandFailed(f"{words[0]} {what}{said}.")
