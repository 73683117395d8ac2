"""Reads the concepts list of the older DreamBooth extension, so that nobody types it again."""

from __future__ import annotations

from typing import Any

from ...data.images import find_pictures
from ...errors import UserError

NAMES = {
    "instance_data_dir": "folder",
    "instance_prompt": "instance_prompt",
    "class_prompt": "class_prompt",
    "class_data_dir": "class_folder",
}


def import_concepts(content: Any) -> list[dict[str, Any]]:
    """Our concepts from that extension's: a list, or its settings with a `concepts_list` in them.

    It counts class pictures for each instance picture, and we count them in all: so many are asked for, where the
    instance pictures are found.

    Raises:
        UserError: it is neither.
    """
    entries = content.get("concepts_list") if isinstance(content, dict) else content
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError('This is no concepts list: give a JSON list of objects with "instance_data_dir" in them.')
    found = [_concept(entry) for entry in entries if entry.get("instance_data_dir")]
    if not found:
        raise UserError("No concept in this list has an instance_data_dir: give one that has its pictures' folders.")
    return found


def _concept(entry: dict[str, Any]) -> dict[str, Any]:
    concept = {ours: str(entry[theirs]) for theirs, ours in NAMES.items() if entry.get(theirs)}
    for name in ("instance_prompt", "class_prompt"):
        if "[filewords]" in concept.get(name, ""):
            continue
        token = entry.get("instance_token" if name == "instance_prompt" else "class_token")
        if name not in concept and token:
            concept[name] = str(token)
    return concept | _class_images(entry, concept["folder"])


def _class_images(entry: dict[str, Any], folder: str) -> dict[str, int]:
    """How many class pictures in all; nothing where that cannot be told, or was none."""
    whole, each = (entry.get(name) for name in ("num_class_images", "num_class_images_per"))
    if type(whole) is int and whole > 0:
        return {"class_images": whole}
    try:
        pictures = len(find_pictures(folder))
    except UserError:
        return {}
    return {"class_images": each * pictures} if type(each) is int and each > 0 else {}
