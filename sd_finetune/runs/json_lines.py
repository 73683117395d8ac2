"""Files with one JSON object per line, which one process appends to while others read."""

from __future__ import annotations

import json
import math
import os
from io import FileIO
from pathlib import Path
from typing import Any, cast

from ..readable import json_bytes
from .atomic import cannot_write, write_all


def append_line(path: Path, content: dict[str, Any]) -> None:
    """Add one line in a single write. An incomplete line, left by a crash or a full disk, is ended first.

    Raises:
        CannotWriteError: there is no space left, or the file cannot be written.
    """
    line = json_bytes(_without_nan(content)) + b"\n"
    try:
        with path.open("ab+", buffering=0) as file:
            write_all(file, line if _ends_whole(file) else b"\n" + line)
    except OSError as error:
        raise cannot_write(path, error) from error


def read_lines(path: Path, since: int = 0, most_bytes: int = -1) -> tuple[list[dict[str, Any]], int]:
    """The objects written after byte `since`, and the byte to continue from. Other lines are skipped.

    What cannot be read at all counts as empty. The last line counts only once its line end is written; until then it is
    left for the next call. `most_bytes`, where it is not -1 for all, must be longer than any line of ours.
    """
    try:
        with path.open("rb") as file:
            file.seek(since)
            piece = file.read(most_bytes)
    except OSError:
        return [], since
    whole, line_end, _ = piece.rpartition(b"\n")
    if not line_end and len(piece) == most_bytes:  # no line of ours, so that what follows it is reached
        return [], since + most_bytes
    contents = [_parse(line) for line in whole.split(b"\n")]
    return [content for content in contents if content is not None], since + len(whole) + len(line_end)


def _ends_whole(file: FileIO) -> bool:
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", content) if isinstance(content, dict) else None


def _without_nan(value: Any) -> Any:
    """JSON has no NaN and no infinity, and browsers refuse them: they are written as the texts "nan" and "inf"."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in cast("dict[str, Any]", value).items()}
    return value
