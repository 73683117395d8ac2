"""How much RAM this process may still take: of what the machine has, and of what its container may have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

OWN_GROUPS = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")
VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
VERSION_2 = ("memory.max", "memory.current", "inactive_file")
"""Of control groups by their version: the files with limit and usage, and the line of memory.stat with what of the
usage is kept of files and gives way when memory is short."""


def free_memory() -> int:
    """In bytes."""
    return min([psutil.virtual_memory().available, *left_in_groups(OWN_GROUPS, GROUPS)])


def left_in_groups(own: Path, groups: Path) -> Iterator[int]:
    """What the control groups of this process, and those around them, leave it; nothing where none has a limit.

    own: the file with their names. groups: where they are mounted, in a container often its own one as the topmost.
    """
    lines = ""
    with suppress(OSError):
        lines = own.read_text(encoding="utf-8", errors="surrogateescape")
    for line in lines.splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top, files = (groups / "memory", VERSION_1) if controllers else (groups, VERSION_2)
        group = top / name.strip("/")
        for each in (group, *group.parents):
            with suppress(OSError, ValueError):  # there is no such group here, or the limit is "max"
                yield _left(each, *files)
            if each == top:
                break


def _left(group: Path, limit: str, usage: str, reclaimed: str) -> int:
    most, used = (int((group / name).read_text(encoding="ascii")) for name in (limit, usage))
    lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
    return most - used + sum(int(line.split()[1]) for line in lines if line.startswith(f"{reclaimed} "))
