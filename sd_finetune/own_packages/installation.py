"""Fills the folder by pip: whole or not at all, and without a change to what the host has installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from . import folder as own
from .folder import STAMP, is_complete, lock_digest, place, read_stamp, write_stamp
from .pip import environment, last_error, pip_command, source_options

UNFINISHED, DISCARDED = "new-", "old-"
"""How names begin of folders that are being filled, and of those that are being removed."""
ABANDONED_SECONDS = 24 * 3600
"""After which a folder that was not finished is one that nobody fills any more."""
UNUSED_SECONDS = 7 * 24 * 3600
"""How long ago the last worker began to use a folder of an earlier lock that may be removed."""
RENAME_SECONDS = 10.0
"""How long a virus scanner may keep a new folder from being renamed, as it does on Windows."""


class NotInstalledError(Exception):
    """Why the packages could not be installed, as a clause without a way out."""


def is_installed() -> bool:
    """Whether there is nothing to do; a folder that was damaged has to be made anew."""
    folder = place()
    return folder is not None and is_complete(folder)


def install(wheels: Path | None = None) -> Path:
    """Install the packages for this Python, and return their folder.

    Several processes may do so at once: each fills a folder of its own, and the first to be done gives its name.

    Args:
        wheels: a folder with the packages' files, used in place of the network.

    Raises:
        NotInstalledError: pip failed, or the folder cannot be written.
    """
    folder = place()
    if folder is None:
        raise NotInstalledError(f"{own.LOCK} is missing")
    if wheels is not None and not wheels.is_dir():
        raise NotInstalledError(f"{wheels} is not a folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder.parent))
        try:
            unfinished.chmod(0o755)  # mkdtemp's folder is its owner's alone, and a WebUI may run as somebody else
            _fill(unfinished, wheels)
            write_stamp(unfinished)
            put(unfinished, folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise NotInstalledError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    return folder


def tidy() -> None:
    """Remove what nobody uses: folders that were not finished, and those of an earlier lock once they are idle."""
    with suppress(OSError):
        for folder in list(own.PACKAGES.iterdir()):
            if folder.name.startswith(DISCARDED) or _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)
            elif _is_of_earlier_lock(folder):
                discard(folder)


def _fill(folder: Path, wheels: Path | None) -> None:
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile", "--no-user"]
    pip = pip_command()
    if pip is None:
        raise NotInstalledError("this Python has no pip")
    command = [*pip, "install", *options, *source_options(wheels), "--target", str(folder), "-r", str(own.LOCK)]
    done = subprocess.run(
        command,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise NotInstalledError(last_error(done.stdout) or f"pip ended with exit code {done.returncode}")


def put(unfinished: Path, folder: Path) -> None:
    """Give the filled folder its name, unless another process was quicker; a damaged one gives way."""
    if is_complete(folder):
        return
    if folder.exists():
        discard(folder)
    until = time.monotonic() + RENAME_SECONDS
    while True:
        try:
            os.rename(unfinished, folder)
            return
        except OSError:
            if is_complete(folder):
                return
            if time.monotonic() >= until:
                raise
            time.sleep(0.2)


def discard(folder: Path) -> None:
    """Remove a folder, which is gone under its name at once; on Windows it stays while a process has files of it."""
    away = folder.with_name(f"{DISCARDED}{os.getpid()}-{folder.name}")
    with suppress(OSError):
        os.rename(folder, away)
        shutil.rmtree(away, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    return folder.name.startswith(UNFINISHED) and time.time() - folder.stat().st_mtime > ABANDONED_SECONDS


def _is_of_earlier_lock(folder: Path) -> bool:
    """Of whichever Python. What has no stamp of ours is not ours to remove."""
    lock = read_stamp(folder).get("lock")
    if lock is None or lock == lock_digest():
        return False
    return is_idle(folder)


def is_idle(folder: Path) -> bool:
    """Whether no worker has begun to use a folder of late, or none could, as it is not whole."""
    try:
        return time.time() - (folder / STAMP).stat().st_mtime > UNUSED_SECONDS
    except OSError:
        return True
