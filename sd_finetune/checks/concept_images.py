"""The training images of a concept as it stands in a form or a settings file."""

from __future__ import annotations

from typing import Any, cast

from ..data.captions import CaptionReader
from ..data.concepts import folders_beside, training_images
from ..data.image_cache import notes_in
from ..data.usable import Look, UsableImages
from ..errors import UserError
from ..settings.paths import pasted_path
from ..settings.plain import concepts, text
from ..settings.read import as_far_as_valid

LOOK_SECONDS = 1.0
"""How long a route reads image files; the next one goes on with those that it has not come to."""


def images_of_concept(settings: dict[str, Any], number: int, seconds: float = LOOK_SECONDS) -> UsableImages:
    """What is trained of the concept, counted from 1, and what is skipped. Raises UserError: its folder is unusable.

    seconds: how long image files are read.
    """
    folder, notes = folder_of_concept(settings, number), notes_in(text(settings, "data.cache_folder"))
    beside = [(_text_of(concept, "class_folder"), _text_of(concept, "mask_folder")) for concept in concepts(settings)]
    without = folders_beside(beside, as_far_as_valid(settings).evaluation.used_folder())
    look, exclude = Look(seconds, notes), excluded_names(settings, number)
    return training_images(folder, beside[number - 1][0], without, look, exclude)


def excluded_names(settings: dict[str, Any], number: int) -> list[str]:
    """The names of the concept's images that are left out, as far as they are valid."""
    names = concepts(settings)[number - 1].get("exclude")
    return [name for name in cast("list[Any]", names) if isinstance(name, str)] if isinstance(names, list) else []


def folder_of_concept(settings: dict[str, Any], number: int) -> str:
    """Its folder; those that stand in the project's settings, no others, are shown. Raises UserError without one."""
    found = concepts(settings)
    folder = _text_of(found[number - 1], "folder") if 1 <= number <= len(found) else ""
    if not folder:
        raise UserError(f"Concept {number} has no folder yet: enter one, or drop images.")
    return folder


def folder_as_read(settings: dict[str, Any], number: int, read: str) -> str:
    """The concept's folder, which is still the one that was `read`, as it was typed; "" if that is not known.

    Raises:
        UserError: it is another one by now.
    """
    folder = folder_of_concept(settings, number)
    if read and pasted_path(read) != folder:
        raise UserError(f"Concept {number} has another folder by now, {folder}: nothing was changed in {read}.")
    return folder


def captions_of_concept(settings: dict[str, Any], number: int) -> CaptionReader:
    """Reads the captions of the concept, counted from 1, as its settings say as far as they are valid."""
    folder, concept = folder_of_concept(settings, number), concepts(settings)[number - 1]
    options = as_far_as_valid(settings).captions
    return CaptionReader([folder], options, _text_of(concept, "default_caption"), _text_of(concept, "metadata_file"))


def _text_of(concept: dict[str, Any], name: str) -> str:
    value = concept.get(name)
    return value if isinstance(value, str) else ""
