"""The checkpoints in a folder and its subfolders: files, and folders in diffusers' layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..reading.diffusers_folder import INDEX, is_diffusers_folder
from ..runs.atomic import is_file
from .host import CHECKPOINT_ENDINGS


def models_in(folder: Path) -> Iterator[Path]:
    """Their full paths; nothing for a folder that is not there. The files of a model of several are none."""
    files = [path for path in folder.rglob("*") if is_file(path)]
    models = {path.parent for path in files if path.name == INDEX and is_diffusers_folder(path.parent)}
    yield from (path.resolve() for path in models)
    for path in files:
        if path.suffix.lower() in CHECKPOINT_ENDINGS and models.isdisjoint(path.parents):
            yield path.resolve()
