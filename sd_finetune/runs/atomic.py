"""Files that appear complete or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from ..errors import CannotWriteError
from .moving import WINDOWS, replace_file, replace_folder
from .unfinished import unfinished_name

LONGEST_PATH = 259
"""Characters that Windows takes, unless it was told to take more."""
TRIES = 5


def is_taken(path: Path) -> bool:
    """Whether the path exists; False for a name that is too long to exist."""
    return os.path.lexists(path)


def is_file(path: Path) -> bool:
    """Whether there is a file that one may look at; False for a name that is too long, or in a closed folder."""
    try:
        return path.is_file()
    except OSError:
        return False


def drive_is_gone(path: Path) -> bool:
    """Whether the path is on a drive or network share that is not there now; Windows then tells of a missing file."""
    return not os.path.isdir(path.absolute().anchor)  # noqa: PTH112 - Path.is_dir fails for some of these


@contextmanager
def replacing(path: Path, must_last: bool = True) -> Generator[Path, None, None]:
    """Yield a temporary path beside `path`; when the block ends without an error, that file is renamed to `path`.

    After an exception nothing is left under either name (an older file under `path` stays as it was).

    must_last: whether its name is to outlive a power cut from here on; of many that can be made anew that takes long.

    Raises:
        CannotWriteError: there is no space left for the file, or it cannot be written at this place.
    """
    unfinished = unfinished_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        _put_on_disk(unfinished)
        replace_file(unfinished, path)
        if must_last:
            _put_names_on_disk(path.parent)
    except OSError as error:
        if error.filename is not None and Path(error.filename) not in (path, unfinished, *path.parents):
            raise  # about another file, which the block reads
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):  # a missing folder has no such file
            unfinished.unlink(missing_ok=True)


def _put_on_disk(path: Path) -> None:
    """Before a file gets its name: after a power cut it would else be there, and empty."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _put_names_on_disk(folder: Path) -> None:
    """The names in a folder, as far as the system can, which Windows cannot.

    After a power cut what was removed later could else be gone, and a new name not there.
    """
    if WINDOWS:
        return
    with suppress(OSError):  # a folder that may not be read, or a file system without that
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def write_all(file: FileIO, data: bytes) -> None:
    """Write all of the data: without a buffer a nearly full disk takes the beginning only, and says nothing."""
    while data:
        data = data[file.write(data) :]


def cannot_write(path: Path, error: OSError) -> CannotWriteError:
    """The sentence about a file that the system does not let us write."""
    if error.errno == errno.ENOSPC:
        return CannotWriteError(f"No space left on the disk for {path}: free some space or choose another folder.")
    if WINDOWS and len(str(path.absolute())) > LONGEST_PATH:
        return CannotWriteError(
            f"{path} has more than the {LONGEST_PATH} characters that Windows takes: choose a shorter folder or name."
        )
    if WINDOWS and isinstance(error, PermissionError) and is_taken(path):
        return CannotWriteError(f"{path} is open in another program: close it there, or choose another name.")
    return CannotWriteError(
        f"{path} cannot be written ({error.strerror or error}): choose another folder or fix this one."
    )


@contextmanager
def replacing_folder(path: Path) -> Generator[Path, None, None]:
    """Yield a temporary folder beside `path`, which takes its name when the block ends without an error.

    Then an older folder of that name is gone; after an exception nothing is left of the new one.

    Raises:
        CannotWriteError: there is no space left for it, or it cannot be written at this place.
    """
    unfinished = unfinished_name(path)
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
        for entry in (unfinished, *unfinished.rglob("*")):
            (_put_on_disk if is_file(entry) else _put_names_on_disk)(entry)
        replace_folder(unfinished, path)
        _put_names_on_disk(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    except CannotWriteError as error:  # about a file in it, whose temporary name says nothing
        raise cannot_write(path, error.__cause__) if isinstance(error.__cause__, OSError) else error from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def unwritable(path: Path) -> str:
    """Why the file `path` cannot be written, as far as that shows without trying, as a sentence; else ""."""
    nearest = next((folder for folder in path.parents if is_taken(folder)), None)
    number = 0
    if nearest is not None and not os.path.isdir(nearest):  # noqa: PTH112 - Path.is_dir fails where access is denied
        number = errno.ENOTDIR
    elif nearest is not None and not os.access(nearest, os.W_OK | os.X_OK):
        number = errno.EACCES
    return str(cannot_write(path, OSError(number, os.strerror(number)))) if number else ""


class _Tried(Exception):
    """Ends an attempt before the file is renamed."""


def refuse_unwritable(path: Path) -> None:
    """Raise UserError if the file `path` cannot be written; leaves nothing behind, no folder either.

    Another process that looks too may take a folder away that both have found missing: then it is tried again.
    """
    for _ in range(TRIES - 1):
        try:
            return _try_to_write(path)
        except CannotWriteError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
    return _try_to_write(path)


def _try_to_write(path: Path) -> None:
    missing = [folder for folder in path.parents if not is_taken(folder)]
    try:
        with suppress(_Tried), replacing(path) as unfinished:
            unfinished.touch()
            raise _Tried
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
