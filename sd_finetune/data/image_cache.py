"""The folder in which what was worked out about images is kept for later runs: notes of what they are, and latents."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..runs.atomic import replacing
from ..runs.own_files import IMAGE_CACHE_NOTE
from ..runs.unfinished import remove_leftovers
from ..settings.options import Settings

NAME = "image-cache"
UNUSED_DAYS = 30
"""After which a file that no run has used is removed when a run starts."""
_ENDINGS = (".json", ".safetensors")


def image_cache(settings: Settings, runs: Path) -> Path:
    """The folder that the settings name, or else the one beside the run folders in `runs`."""
    return Path(settings.data.cache_folder or runs / NAME)


def notes_in(cache: Path | str | None) -> Path | None:
    """Where the notes of `SeenBefore` are in such a folder."""
    return Path(cache) / "seen" if cache else None


def latents_in(cache: Path) -> Path:
    """Where latents are in such a folder."""
    return cache / "latents"


def mark(cache: Path) -> None:
    """Leave a note in the folder that says what it is, so that it is never taken for images. Raises UserError."""
    note = cache / IMAGE_CACHE_NOTE
    if not note.exists():
        with replacing(note) as unfinished:
            about = "Made by SD Fine-Tune for quick starts. It may be deleted while nothing is trained."
            unfinished.write_text(json.dumps({"about": about}), encoding="utf-8")


@dataclass(frozen=True)
class Amount:
    """How much there is of something on the disk."""

    files: int = 0
    size: int = 0
    """In bytes."""

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.files + other.files, self.size + other.size)


def amount_in(cache: Path) -> Amount:
    """What is kept in the folder; nothing where it is missing."""
    return sum((Amount(1, facts.st_size) for _, facts in _files(cache)), Amount())


def remove_unused(cache: Path, days: float = UNUSED_DAYS) -> Amount:
    """Remove what no run has used for so many days, and what killed ones left unfinished; what is removed is told."""
    removed, oldest = Amount(), time.time() - days * 24 * 3600
    for path, facts in _files(cache):
        if facts.st_mtime <= oldest:
            with suppress(OSError):
                path.unlink()
                removed += Amount(1, facts.st_size)
    remove_leftovers([cache, *_folders(cache)])
    return removed


def _files(cache: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The files of the folders below, which are our own: by their endings, and none in a folder without our note."""
    if not (cache / IMAGE_CACHE_NOTE).is_file():
        return
    for folder in _folders(cache):
        for path in _entries(folder):
            if path.suffix in _ENDINGS and not path.name.startswith("."):
                with suppress(OSError):
                    yield path, path.stat()


def _folders(cache: Path) -> list[Path]:
    """Those of notes and of latents, which stay: another process may be about to write into one."""
    latents = latents_in(cache)
    below = [path for path in _entries(latents) if path.is_dir() and not path.is_symlink()]
    return [folder for folder in (cache / "seen", latents) if folder.is_dir()] + below


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
