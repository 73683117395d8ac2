"""Reads the concepts list of the older DreamBooth extension, so that nobody types it again."""

from __future__ import annotations

from typing import Any, cast

from ...errors import UserError
from ..folder import list_folder

NAMES = {
    "instance_data_dir": "folder",
    "instance_prompt": "instance_prompt",
    "class_prompt": "class_prompt",
    "class_data_dir": "class_folder",
}


def import_concepts(content: Any) -> list[dict[str, Any]]:
    """Our concepts from that extension's: a list, or its settings with a `concepts_list` in them.

    It counts class images for each training image, and we count them in all: so many are asked for, where the training
    images are found.

    Raises:
        UserError: it is neither.
    """
    listed = cast("dict[str, Any]", content).get("concepts_list") if isinstance(content, dict) else content
    if not _is_list_of_tables(listed):
        raise UserError('This is not a concepts list: use a JSON list of objects with "instance_data_dir" in them.')
    entries = cast("list[dict[str, Any]]", listed)
    found = [_concept(entry) for entry in entries if _is_text(entry.get("instance_data_dir"))]
    if not found:
        raise UserError("No concept in this list has an instance_data_dir: add the folders of its training images.")
    return found


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in cast("list[Any]", value))


def _concept(entry: dict[str, Any]) -> dict[str, Any]:
    concept = {ours: entry[theirs] for theirs, ours in NAMES.items() if _is_text(entry.get(theirs))}
    for name in ("instance_prompt", "class_prompt"):
        if "[filewords]" in concept.get(name, ""):
            continue
        token = entry.get("instance_token" if name == "instance_prompt" else "class_token")
        if name not in concept and _is_text(token):
            concept[name] = token
    return concept | _class_images(entry, concept["folder"])


def _class_images(entry: dict[str, Any], folder: str) -> dict[str, int]:
    """How many class images in all; nothing where that is unknown, or was none."""
    whole, each = (entry.get(name) for name in ("num_class_images", "num_class_images_per"))
    if type(whole) is int and whole > 0:
        return {"class_images": whole}
    try:
        images = len(list_folder(folder).images)
    except (UserError, OSError):  # no folder, or a name that none can have
        return {}
    return {"class_images": each * images} if type(each) is int and each > 0 else {}
