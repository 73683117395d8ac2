"""SHA-256 of large files, computed once and kept as long as the file is the same."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from ..errors import UserError
from ..reading.diffusers_folder import is_diffusers_folder, is_part_folder
from ..runs.atomic import replacing
from .hashes import file_hashes, sha256_of_folder


def known_sha256(file: Path, notes: Path) -> str:
    """The SHA-256 of `file`, 64 digits: as noted in the JSON file `notes`, or else computed and noted there.

    That of a folder in diffusers' layout is made of those of its files. A note holds for one path, size and time of
    change. Notes that cannot be read or written only cost time.
    """
    if is_diffusers_folder(file) or is_part_folder(file):
        return sha256_of_folder(file, lambda own: known_sha256(own, notes))
    facts = file.stat()
    state = {"size": facts.st_size, "mtime": facts.st_mtime_ns}
    path = str(file.resolve())
    known = _read(notes)
    entry: Any = known.get(path)
    digest = cast("dict[str, Any]", entry).get("sha256") if isinstance(entry, dict) else None
    if isinstance(digest, str) and entry == {**state, "sha256": digest}:
        return digest
    _, digest = file_hashes(file)
    with suppress(UserError, OSError, ValueError), replacing(notes) as unfinished:
        unfinished.write_text(json.dumps({**known, path: {**state, "sha256": digest}}, indent=2), encoding="utf-8")
    return digest


def _read(notes: Path) -> dict[str, Any]:
    try:
        content = json.loads(notes.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}
