"""The class pictures that were drawn for a model's prompts, as they lie in the cache folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...hosts.host import Host
from ..projects.images import picture_in
from ..projects.project import Model
from .training import complete


def drawn_folders(host: Host, model: Model) -> list[dict[str, Any]]:
    """A folder for each class prompt of the model and way of drawing: `key`, `prompt`, `folder`, names of pictures."""
    settings = complete(host, model.settings())
    prompts = {concept.get("class_prompt") for concept in settings.get("concepts", []) if concept.get("class_prompt")}
    found: list[dict[str, Any]] = []
    for note in sorted(Path(settings["class_images"]["cache_folder"]).glob("*/class-images.json")):
        prompt = json.loads(note.read_text(encoding="utf-8")).get("prompt")
        pictures = sorted(path.name for path in note.parent.glob("*.png"))
        if prompt in prompts and pictures:
            entry = {"key": note.parent.name, "prompt": prompt, "folder": str(note.parent), "pictures": pictures}
            found.append(entry)
    return found


def delete_class_picture(folder: str, name: str) -> None:
    """Take a picture away; one that belongs there is drawn again when it is next needed. UserError: it is not there."""
    picture_in(folder, name).unlink()
