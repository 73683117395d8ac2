"""What the worker prints goes to memory while its log cannot be written, and to the log once it can."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress

MOST_BYTES = 1_000_000
"""That are held; beyond that the oldest are lost."""


class LogStream(io.TextIOBase):
    """Text for the file descriptor `descriptor`, as UTF-8; printing to it never fails."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting = b""

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: str, /) -> int:
        data = self._waiting + text.replace("\n", os.linesep).encode("utf-8", "backslashreplace")
        self._waiting = data[-MOST_BYTES:]
        with suppress(OSError):
            while self._waiting:
                self._waiting = self._waiting[os.write(self._descriptor, self._waiting) :]
        return len(text)


@contextmanager
def printing_to_a_log() -> Generator[None, None, None]:
    """Standard output and error are streams that never fail, while the block runs."""
    before = sys.stdout, sys.stderr
    log = LogStream(sys.stderr.fileno())  # both are the same file, and so stay in order
    sys.stdout = sys.stderr = log
    try:
        yield
    finally:
        log.write("")
        sys.stdout, sys.stderr = before
