"""Small files of JSON that our own programs leave in folders: whatever else stands there, nobody stumbles over it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

MOST_BYTES = 2**20


def read_note(path: Path) -> dict[str, Any] | None:
    """The object in a file of JSON; None without one, and where it cannot be read or is something else."""
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", content) if isinstance(content, dict) else None
