"""Packages that only some need: which build of each goes with the torch that is there, and where it is put.

Each is offered, and nobody has to have it. What the host has is used as it is.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from . import folder as own
from .folder import HOME, STAMP, is_complete

LOCK = HOME / "requirements" / "optional.txt"
"""Every build with the hashes of its files, below a line that says what it is for."""
BEGIN = "extra-"
"""How the name of a folder begins that holds one of them."""
PROCESSORS = ("x86_64", "amd64")
"""What Linux and Windows call the one that all builds are for."""
_FOR = re.compile(r"# torch (\S+), Python (\S+), (.+)")
_NAMED = re.compile(r"([A-Za-z0-9_.-]+)==([A-Za-z0-9.]+)")


@dataclass(frozen=True)
class Build:
    """A version of a package.

    torch, python: which versions of these it is for, as ">=2.0,<2.3". systems: as `sys.platform` names them.
    line: as pip reads it, with the hashes.
    """

    package: str
    version: str
    torch: str
    python: str
    systems: tuple[str, ...]
    line: str


def builds(lock: Path | None = None) -> list[Build]:
    """All of them; none where the lock does not come along."""
    try:
        text = (lock or LOCK).read_text(encoding="utf-8")
    except OSError:
        return []
    found: list[Build] = []
    wanted: re.Match[str] | None = None
    for line in text.replace("\\\n", " ").splitlines():
        named = _NAMED.match(line)
        if named and wanted:
            what_for = wanted[1], wanted[2], tuple(wanted[3].split())
            found.append(Build(named[1], named[2], *what_for, " ".join(line.split())))
        wanted = _FOR.match(line) or wanted
    return found


def build_for(package: str, torch: str) -> Build | None:
    """The build of a package for a torch, as "2.1.2+cu121", and this Python and system; None if there is none."""
    if platform.machine().lower() not in PROCESSORS:
        return None
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    fitting = [each for each in builds() if each.package == package and sys.platform in each.systems]
    return next((each for each in fitting if fits(torch, each.torch) and fits(python, each.python)), None)


def fits(version: str, wanted: str) -> bool:
    """Whether a version is one of ">=2.0,<2.3" or "==2.1.2"; what stands behind its numbers does not count."""
    for condition in wanted.split(","):
        match = re.fullmatch(r"(==|>=|<)([0-9.]+)", condition)
        if match is None:
            return False
        one, other = _numbers(version), _numbers(match[2])
        if not {"==": one == other, ">=": one >= other, "<": one < other}[match[1]]:
            return False
    return True


def installed_torch() -> str | None:
    """The host's torch, as "2.1.2+cu121", told without importing it; None without one."""
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return None


def folder_of(build: Build, torch: str) -> Path:
    """Where a build belongs: another torch, even of the same version for another CUDA, has another folder."""
    name = f"{BEGIN}cp{sys.version_info[0]}{sys.version_info[1]}-torch{torch}-{build.package}-{build.version}"
    return own.PACKAGES / re.sub(r"[^\w.+-]", "_", name)


def extra_folders() -> list[Path]:
    """The folders that are there and whole, of packages for this Python and the torch that is installed."""
    torch = installed_torch()
    if torch is None or not own.PACKAGES.is_dir():
        return []
    folders = (folder_of(each, torch) for each in builds() if fits(torch, each.torch))
    return [folder for folder in folders if folder.is_dir() and is_complete(folder)]


def write_stamp(folder: Path) -> None:
    """Declare such a folder finished, with what is in it."""
    entries = sorted(entry.name for entry in folder.iterdir())
    (folder / STAMP).write_text(json.dumps({"entries": entries}, indent=1), encoding="utf-8")


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()
