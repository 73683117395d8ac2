"""The folders that a WebUI's flags name: one, or in newer forks several."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def named_by(flags: Any, names: Iterable[str]) -> list[Path]:
    """The folders that these flags name, in that order; flags that are absent or empty name none."""
    values = [getattr(flags, name, None) for name in names]
    listed = [value if isinstance(value, list | tuple) else [value] for value in values]
    return [Path(folder).absolute() for each in listed for folder in each if folder]


def first_writable(folders: Sequence[Path]) -> Path:
    """The first folder that a file can be written into, or that can be made; else the first one."""
    return next((folder.absolute() for folder in folders if _is_writable(folder)), folders[0].absolute())


def _is_writable(folder: Path) -> bool:
    there = next((each for each in (folder, *folder.parents) if each.exists()), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK)
