"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import UserError


def is_taken(path: Path) -> bool:
    """Whether there is something of this name; one that is too long to be a name is not."""
    return os.path.lexists(path)


@contextmanager
def replacing(path: Path) -> Generator[Path, None, None]:
    """Yield a temporary path beside `path`; when the block ends well the finished file takes the name `path`.

    After an exception nothing is left under either name (an older file under `path` stays as it was).

    Raises:
        UserError: there is no space left for the file, or it cannot be written at this place.
    """
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            sentence = f"No space is left on the disk for {path}: free some space or choose another folder."
            raise UserError(sentence) from error
        if error.filename is not None and Path(error.filename) not in (path, unfinished, *path.parents):
            raise  # of another file, that the block reads
        sentence = f"{path} cannot be written ({error.strerror or error}): choose another place or mend this one."
        raise UserError(sentence) from error
    finally:
        with suppress(OSError):  # where there is no such folder there is no such file
            unfinished.unlink(missing_ok=True)


class _Tried(Exception):
    """Ends an attempt before the file would take its name."""


def refuse_unwritable(path: Path) -> None:
    """Raise UserError if no file can be written under the name `path`; nothing is left there."""
    with suppress(_Tried), replacing(path) as unfinished:
        unfinished.touch()
        raise _Tried
