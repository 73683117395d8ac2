"""Files that appear complete or not at all."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import UserError


def is_taken(path: Path) -> bool:
    """Whether the path exists; False for a name that is too long to exist."""
    return os.path.lexists(path)


@contextmanager
def replacing(path: Path) -> Generator[Path, None, None]:
    """Yield a temporary path beside `path`; when the block ends without an error, that file is renamed to `path`.

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
            sentence = f"No space left on the disk for {path}: free some space or choose another folder."
            raise UserError(sentence) from error
        if error.filename is not None and Path(error.filename) not in (path, unfinished, *path.parents):
            raise  # about another file, which the block reads
        sentence = f"{path} cannot be written ({error.strerror or error}): choose another folder or fix this one."
        raise UserError(sentence) from error
    finally:
        with suppress(OSError):  # a missing folder has no such file
            unfinished.unlink(missing_ok=True)


class _Tried(Exception):
    """Ends an attempt before the file is renamed."""


def refuse_unwritable(path: Path) -> None:
    """Raise UserError if the file `path` cannot be written; leaves nothing behind."""
    with suppress(_Tried), replacing(path) as unfinished:
        unfinished.touch()
        raise _Tried
