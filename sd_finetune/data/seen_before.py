"""What was found out about the images of a folder, noted for later processes, so that none reads them all again."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from ..errors import UserError
from ..runs.atomic import replacing
from .image_cache import mark
from .images import Seen, look_depends_on

SETTLED_SECONDS = 3
"""How old a change must be to be noted: another within the same tick of the disk's clock, 2 s on FAT, does not show."""


@dataclass(frozen=True)
class FileState:
    """Another one after each change of a file: bytes, and nanoseconds of its last change and of its entry's.

    Copying with times kept, which leaves the first, shows in the second (on Windows it is when the file was made).
    """

    size: int
    mtime: int
    ctime: int

    @classmethod
    def of(cls, path: Path) -> FileState:
        """The state of a file now. Raises OSError if it is gone."""
        facts = path.stat()
        return cls(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)

    def is_settled(self) -> bool:
        """Whether the next change of the file will show, by the times of this one."""
        return time.time_ns() - max(self.mtime, self.ctime) > SETTLED_SECONDS * 10**9


class SeenBefore:
    """The notes about the images in a folder and its sub-folders. They may be damaged or gone: that only costs time."""

    def __init__(self, notes: Path | None, folder: Path, images: Sequence[Path]) -> None:
        """notes: the folder where notes are kept, which need not exist; None keeps none. images: all in `folder`."""
        self._root, self._images = str(folder.absolute()), images
        self._file = notes / f"{_key(self._root)}.json" if notes else None
        self._new: dict[str, list[Any]] = {}

    def of(self, path: Path, state: FileState) -> Seen | None:
        """What was found out about the image as it is now; None if nothing is known."""
        match self._known.get(self._name(path)):
            case [state.size, state.mtime, state.ctime, int(width), int(height)]:
                return Seen((width, height))
            case [state.size, state.mtime, state.ctime, str(why)] if why:
                return Seen(None, why)
            case _:
                return None

    def add(self, path: Path, state: FileState, seen: Seen) -> None:
        """Note it, unless it may be another one without a change of the file that shows. For any thread."""
        if seen.is_lasting and state.is_settled():
            self._new[self._name(path)] = [state.size, state.mtime, state.ctime, *(seen.size or [seen.why])]

    def keep(self) -> None:
        """Write what is new, if anything; notes of images that are gone are dropped."""
        if self._file is None or not self._new:
            return
        names = set(map(self._name, self._images))
        content = {name: note for name, note in {**self._known, **self._new}.items() if name in names}
        with suppress(UserError, OSError):
            mark(self._file.parent.parent)
            with replacing(self._file) as unfinished:
                unfinished.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")

    @cached_property
    def _known(self) -> dict[str, Any]:
        if self._file is None:
            return {}
        try:
            content = json.loads(self._file.read_bytes())
            os.utime(self._file)  # it is in use
        except (OSError, ValueError, RecursionError):
            return {}
        return cast("dict[str, Any]", content) if isinstance(content, dict) else {}

    def _name(self, path: Path) -> str:
        return str(path.absolute()).removeprefix(self._root)


def _key(root: str) -> str:
    return hashlib.sha256(json.dumps([root, *look_depends_on()]).encode()).hexdigest()[:16]
