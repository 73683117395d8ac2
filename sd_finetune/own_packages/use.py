"""Puts the packages on the path of a process of ours."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from .folder import STAMP, own_packages
from .optional import extra_folders


def use_own_packages() -> None:
    """From now on packages are imported from our folder first. Never to be called in a WebUI's process.

    Optional packages come last: what the host has is used as it is. It also notes that the folders are in use: what was
    used of late is not cleaned up.
    """
    folder = own_packages()
    if folder is not None and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
        _note_use(folder)
    for extra in extra_folders():
        if str(extra) not in sys.path:
            sys.path.append(str(extra))
            _note_use(extra)


def _note_use(folder: Path) -> None:
    with suppress(OSError):  # an extension that may not be written to
        os.utime(folder / STAMP)
