"""The checkpoints in a folder and its subfolders: files, and folders in diffusers' layout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..reading.diffusers_folder import INDEX, is_diffusers_folder
from ..runs.atomic import is_file
from .host import CHECKPOINT_ENDINGS, BaseCheckpoint


def models_in(folder: Path) -> Iterator[Path]:
    """Their full paths; nothing for a folder that is not there. The files of a model of several are none."""
    files = [path for path in folder.rglob("*") if is_file(path)]
    models = {path.parent for path in files if path.name == INDEX and is_diffusers_folder(path.parent)}
    yield from (path.resolve() for path in models)
    for path in files:
        if path.suffix.lower() in CHECKPOINT_ENDINGS and models.isdisjoint(path.parents):
            yield path.resolve()


def folders_of_diffusers(models: Path) -> list[Path]:
    """The models in the folder "diffusers" or "Diffusers" of a WebUI's models, which that does not list."""
    return sorted(path.absolute() for path in models.glob("[Dd]iffusers/*") if is_diffusers_folder(path))


def with_whole_models(listed: Iterable[BaseCheckpoint], others: Iterable[Path]) -> list[BaseCheckpoint]:
    """A WebUI's list with each model in diffusers' layout once, in place of its parts' files, and then `others`."""
    found: dict[Path, BaseCheckpoint] = {}
    for base in listed:
        folder = base.path.parent.parent
        is_part = is_diffusers_folder(folder)
        whole = BaseCheckpoint(_title_of_whole(base.title) or folder.name, folder) if is_part else base
        found.setdefault(whole.path, whole)
    for folder in others:
        found.setdefault(folder, BaseCheckpoint(f"{folder.parent.name}/{folder.name}", folder))
    return list(found.values())


def _title_of_whole(title: str) -> str:
    """Of "people/anna/unet/model.safetensors" what comes before the part."""
    return re.sub(r"[\\/]?[^\\/]*[\\/][^\\/]*$", "", title)
