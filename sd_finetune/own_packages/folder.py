"""Where these packages are, and whether they are whole."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from pathlib import Path
from typing import Any, cast

HOME = Path(__file__).parents[2]
"""The folder of the extension."""
PACKAGES = HOME / "packages"
LOCK = HOME / "requirements" / "worker.txt"
"""Every package with its version and the hashes of its files."""
STAMP = "complete.json"
"""Written last: a folder without it is not finished."""
OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 13)
"""Those that the lock is made for."""
OF_AN_ENVIRONMENT = "installed.json"
"""What `install.py` writes into an environment that it made: the files of versions that are installed there."""
LIKE_A_WEBUI = "webui"
"""How the name of such a file begins if the environment is to be as inside a WebUI."""


def own_packages() -> Path | None:
    """The folder for this Python, if it is there and whole, and if this Python has them not properly installed."""
    folder = place()
    return folder if folder is not None and is_complete(folder) and not _has_them_installed() else None


def place() -> Path | None:
    """Where they belong for this Python, as in "packages/cp310-1a2b3c4d"; None where the lock does not come along.

    Each content of the lock has a folder of its own, and so has each system: what a worker uses is never replaced.
    """
    digest = lock_digest()
    if digest is None:
        return None
    system = hashlib.sha256(f"{digest} {sys.platform} {platform.machine()}".encode())
    return PACKAGES / f"cp{sys.version_info[0]}{sys.version_info[1]}-{system.hexdigest()[:8]}"


def lock_digest() -> str | None:
    """The SHA-256 of the lock, whichever line endings git gave it; None without one."""
    try:
        return hashlib.sha256(LOCK.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    except OSError:
        return None


def is_complete(folder: Path) -> bool:
    """Whether all that was put into the folder is still there; what is inside of packages is not looked at."""
    entries = read_stamp(folder).get("entries")
    if not isinstance(entries, list):
        return False
    try:
        return {entry.name for entry in folder.iterdir()}.issuperset(cast("list[str]", entries))
    except (OSError, TypeError):
        return False


def read_stamp(folder: Path) -> dict[str, Any]:
    """The digest of the lock as `lock` and the names in the folder as `entries`; empty if it is not finished."""
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", stamp) if isinstance(stamp, dict) else {}


def write_stamp(folder: Path) -> None:
    """Declare the folder finished, with what is in it."""
    stamp = {"lock": lock_digest(), "entries": sorted(entry.name for entry in folder.iterdir())}
    (folder / STAMP).write_text(json.dumps(stamp, indent=1), encoding="utf-8")


def _has_them_installed() -> bool:
    """Whether this Python is of an environment that `install.py` made with our own versions."""
    try:
        files = json.loads(Path(sys.prefix, OF_AN_ENVIRONMENT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(files) and not any(str(name).startswith(LIKE_A_WEBUI) for name in files)
