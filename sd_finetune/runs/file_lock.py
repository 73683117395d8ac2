"""A file that one process at a time holds; the system lets go of it when that process ends, however it ends."""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType

import psutil

from .atomic import drive_is_gone

PATIENCE_SECONDS = 1.0
"""How long one waits for a file to be let go: whoever looks whether it is held holds it for a moment."""
LOOK_SECONDS = 0.02
UNKNOWN = 0
"""Stands for the number of a holder that could not be read."""
_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK)
_BEYOND_CONTENT = 1 << 30
"""Where Windows locks a byte: the content must stay readable to others."""


class Hold:
    """A held file, until `release` or the end of a `with` block."""

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def release(self) -> None:
        """Let go of it; once more does no harm."""
        if not self._file.closed:
            with suppress(OSError):
                self._file.truncate(0)
            self._file.close()

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


def hold(path: Path, patience: float = PATIENCE_SECONDS) -> Hold | None:
    """Hold the file, which is made if need be, and note this process in it; None where another has it.

    Where a file system has no locks, the process that is noted in the file counts, as long as it runs.

    Raises:
        OSError: the file cannot be made, or cannot be read.
    """
    until = time.monotonic() + patience
    while True:
        file = FileIO(path, "ab+")
        if _lock(file):
            file.truncate(0)
            file.write(str(os.getpid()).encode())
            return Hold(file)
        file.close()
        if time.monotonic() >= until:
            return None
        time.sleep(LOOK_SECONDS)


def holder(path: Path) -> int | None:
    """The process that holds the file, UNKNOWN if it cannot be told which; None if nobody is known to."""
    try:
        file = FileIO(path, "rb+")
        with file:
            return None if _lock(file) else _noted(file)
    except OSError:
        return None


def is_held(path: Path) -> bool:
    """Whether a process holds the file: False only where it is not there, or free.

    Raises:
        OSError: that cannot be told, as on a network drive that does not answer or with too many open files.
    """
    try:
        file = FileIO(path, "rb+")
    except FileNotFoundError:
        if drive_is_gone(path):
            raise
        return False
    with file:
        return not _lock(file)


def _noted(file: FileIO) -> int:
    try:
        return _read_noted(file)
    except OSError:
        return UNKNOWN


def _read_noted(file: FileIO) -> int:
    file.seek(0)
    try:
        return int(file.read(32))
    except ValueError:
        return UNKNOWN


def _lock(file: FileIO) -> bool:
    """Whether the file is this one's now; a lock ends when the file is closed.

    Raises:
        OSError: there is no lock, and who is noted in the file cannot be read.
    """
    try:
        _lock_at_once(file)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        noted = _read_noted(file)  # a file system without locks
        return noted in (UNKNOWN, os.getpid()) or not psutil.pid_exists(noted)
    return True


def _lock_at_once(file: FileIO) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(_BEYOND_CONTENT)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
