"""Puts the packages on the path of a process of ours."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from .folder import STAMP, own_packages
from .optional import extra_folders


def use_own_packages() -> None:
    """From now on packages are imported from our folder first. Never to be called in a WebUI's process.

    Optional packages come last: what the host has is used as it is. It also notes that the folder is in use: one that
    was used of late is not cleaned up.
    """
    folder = own_packages()
    if folder is not None and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
        with suppress(OSError):  # an extension that may not be written to
            os.utime(folder / STAMP)
    sys.path += [str(each) for each in extra_folders() if str(each) not in sys.path]
