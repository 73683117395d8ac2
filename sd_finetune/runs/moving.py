"""Gives a finished file or folder its name, also where another program has the old one open.

Linux and macOS take a name away from an open file; Windows refuses that. There a virus scanner or the search looks at
every new file for a moment, and the WebUI keeps the files that it loads mapped: those can be renamed, but neither
replaced nor removed.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .unfinished import unfinished_name

WINDOWS = sys.platform == "win32"
PATIENCE_SECONDS, LOOK_SECONDS = 2.0, 0.05
"""How long it is tried again on Windows."""
HELD = (5, 32, 33, 1224)
"""Windows' numbers for what another program has open: access denied, shared, locked, mapped."""


def replace_file(new: Path, path: Path) -> None:
    """Rename the file `new` to `path`, in place of a file of that name.

    An old file that cannot be replaced is put aside, under a name that `unfinished.remove_leftovers` removes later.

    Raises:
        OSError: it cannot be done; then both are where they were.
    """
    _patiently(lambda: _replace(new, path))


def rename_folder(new: Path, path: Path) -> None:
    """Rename the folder `new` to `path`. Raises OSError, also where something has that name."""
    _patiently(lambda: os.rename(new, path))


def replace_folder(new: Path, path: Path) -> None:
    """Rename the folder `new` to `path`, in place of what has that name, which is put aside first and removed last.

    Raises:
        OSError: it cannot be done; then both are where they were.
    """
    aside = unfinished_name(path)
    is_taken = os.path.lexists(path)
    if is_taken:
        rename_folder(path, aside)
    try:
        rename_folder(new, path)
    except OSError:
        if is_taken:
            os.rename(aside, path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def clear_name(folder: Path) -> None:
    """Remove a folder, as far as nobody has it open; what is left of it is put aside."""
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        with suppress(OSError):
            os.rename(folder, unfinished_name(folder))


def _replace(new: Path, path: Path) -> None:
    try:
        os.replace(new, path)
    except OSError as error:
        if not _is_held(error) or not os.path.lexists(path):
            raise
        aside = unfinished_name(path)
        os.rename(path, aside)
        try:
            os.replace(new, path)
        except OSError:
            os.rename(aside, path)
            raise
        with suppress(OSError):
            aside.unlink()


def _patiently(act: Callable[[], None]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return act()
        except OSError as error:
            if not _is_held(error) or time.monotonic() >= until:
                raise
        time.sleep(LOOK_SECONDS)


def _is_held(error: OSError) -> bool:
    return WINDOWS and (isinstance(error, PermissionError) or getattr(error, "winerror", None) in HELD)
