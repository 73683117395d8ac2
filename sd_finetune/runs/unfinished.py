"""Names of files and folders that are being written, which say by whom; removing those that a killed process left."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from .own_files import UNFINISHED, made_in

MOST_BYTES, MOST_NAME_BYTES = 255, 40
"""Of a name on most disks, and of the part of it that is kept: Windows takes paths of up to 259 characters."""
SAME_START_SECONDS = 2
UNTOUCHED_SECONDS = 600
"""After which a file is left over whose process seems to be another one by now: the clock may have been set."""
UNKNOWN_SECONDS = 24 * 3600
"""After which a file is left over whose process cannot be looked for: of another computer, or of an earlier version."""
_OURS = re.compile(r"\..*\.([0-9a-f]{6})-([0-9]+)-([0-9]+)-[0-9a-f]{8}" + re.escape(UNFINISHED), re.DOTALL)


def unfinished_name(path: Path) -> Path:
    """Where `path` is written until it is complete: hidden beside it, with this process in its name."""
    name, whole, pid = path.name, os.fsencode(path.name), os.getpid()
    if len(whole) <= MOST_BYTES:  # else it is refused anyway
        name = whole[:MOST_NAME_BYTES].decode("utf-8", "ignore")
    return path.with_name(f".{name}.{_machine()}-{pid}-{_start(pid)}-{uuid.uuid4().hex[:8]}{UNFINISHED}")


def remove_leftovers(folders: Iterable[Path]) -> None:
    """Remove what processes that are gone have left unfinished in these folders, not in folders inside them."""
    for folder in folders:
        for path in _entries(folder):
            if path.name.startswith(".") and path.name.endswith(UNFINISHED) and is_left_over(path):
                _remove(path)


def remove_leftovers_of_runs(runs: Path) -> None:
    """The same in a folder of runs, and in those of its folders that are runs."""
    remove_leftovers([runs])
    for run in _entries(runs):
        if made_in(run):
            snapshots = run / "snapshots"
            remove_leftovers([run, run / "output", run / "samples", snapshots, *_entries(snapshots)])


def is_left_over(path: Path) -> bool:
    """Whether nobody will finish the file or folder, by its name and by when it was last written to."""
    match = _OURS.fullmatch(path.name)
    if match is None or match[1] != _machine():
        return _untouched_for(path) > UNKNOWN_SECONDS
    pid, started = int(match[2]), int(match[3])
    now = _start(pid)
    if not now:
        return True
    return abs(now - started) > SAME_START_SECONDS and _untouched_for(path) > UNTOUCHED_SECONDS


def _machine() -> str:
    """Stands for this computer, or container, whose process numbers mean nothing on another one."""
    return hashlib.sha256(platform.node().encode("utf-8", "replace")).hexdigest()[:6]


def _start(pid: int) -> int:
    """When a process started, in Unix seconds; 0 if there is none."""
    try:
        process = psutil.Process(pid)
        return 0 if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time())
    except psutil.AccessDenied:
        return 1
    except (psutil.Error, ValueError, OverflowError):
        return 0


def _untouched_for(path: Path) -> float:
    """Seconds since a file, or anything in a folder, was written to."""
    latest = 0.0
    for entry in (path, *_entries(path)):
        with suppress(OSError):
            latest = max(latest, entry.lstat().st_mtime)
    return time.time() - latest


def _entries(folder: Path) -> Iterator[Path]:
    """What is in a folder; nothing if it cannot be read or is none."""
    with suppress(OSError):
        yield from sorted(folder.iterdir())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()
