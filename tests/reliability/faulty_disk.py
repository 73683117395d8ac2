"""A disk whose k-th write fails, by taking the place of all ways in which Python writes."""

from __future__ import annotations

import builtins
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


class FaultyDisk:
    """Counts what is written under `folder`, and lets it fail.

    Args:
        fails_at: the first write that fails, counted from 1; 0 = none.
        error: its errno.
        lasting: whether all writes fail from then on, until `mend`.
        delay: seconds that each write takes.
    """

    def __init__(
        self, folder: Path, fails_at: int = 0, error: int = 0, lasting: bool = False, delay: float = 0.0
    ) -> None:
        self.folder, self.fails_at, self.error, self.lasting, self.delay = folder, fails_at, error, lasting, delay
        self.writes: list[str] = []
        """What was written, in words."""
        self.failed: list[str] = []
        """What was not."""
        self.opened: set[str] = set()
        self._mended = False

    def mend(self) -> None:
        self._mended = True

    def write(self, what: str, path: Any) -> None:
        """Called before each write. Raises OSError if it is to fail."""
        self.writes.append(f"{what} {path}")
        time.sleep(self.delay)
        number = len(self.writes)
        fails = number >= self.fails_at if self.lasting else number == self.fails_at
        if self.fails_at and fails and not self._mended:
            self.failed.append(self.writes[-1])
            raise OSError(self.error, os.strerror(self.error), str(path))

    def has(self, path: Any) -> bool:
        return isinstance(path, (str, Path)) and self.folder in Path(path).absolute().parents

    @contextmanager
    def in_place(self) -> Iterator[FaultyDisk]:
        with pytest.MonkeyPatch.context() as patch:
            for place, name in ((builtins, "open"), (io, "open")):
                patch.setattr(place, name, self._opening(getattr(place, name)))
            if sys.version_info < (3, 11):  # later ones look io.open up
                patch.setattr(Path, "open", self._opening(Path.open))
            for place, name in ((os, "mkdir"), (os, "replace"), (os, "rename"), (Path, "mkdir"), (Path, "touch")):
                patch.setattr(place, name, self._before(name, getattr(place, name)))
            yield self

    def _opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def open_file(path: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if not (self.has(path) and set(mode) & set("wax+")):
                return real(path, mode, *rest, **named)
            self.opened.add(str(path))
            self.write("open", path)
            return _File(real(path, mode, *rest, **named), self, path)

        return open_file

    def _before(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def change(path: Any, *rest: Any, **named: Any) -> Any:
            if self.has(path):
                self.write(name, path)
                if name == "touch":
                    self.opened.add(str(path))
            return real(path, *rest, **named)

        return change


class _File:
    """An open file whose writes are counted, the 1st, 2nd, 4th and so on: torch.save has thousands of small ones.

    One that fails leaves half of what it was given.
    """

    def __init__(self, real: Any, disk: FaultyDisk, path: Any) -> None:
        self._real, self._disk, self._path = real, disk, path
        self._writes = 0

    def write(self, data: Any) -> Any:
        self._writes += 1
        try:
            if self._writes & (self._writes - 1) == 0:
                self._disk.write("write", self._path)
        except OSError:
            self._real.write(data[: len(data) // 2])
            raise
        return self._real.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._real.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._real)
