"""kohya's subsets, folders with repeats and words, as our concepts with their class images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..captions import FILEWORDS
from .looked_into import Seen, Subset, look_into


@dataclass
class Imported:
    """concepts: tables of options. settings: other options by full name. notes: what is not taken over, and why."""

    concepts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    notes: list[str] = field(default_factory=list[str])


def concepts_of(subsets: Sequence[Subset]) -> Imported:
    """A concept for each subset of training images, each with the class images that fit it best.

    Without class images prior preservation is off, as it is with kohya's scripts.

    Raises:
        UserError: a folder or a metadata file cannot be read.
    """
    imported = Imported()
    seen = [look_into(subset) for subset in subsets]
    imported.notes += [f"{each.subset.folder} has no images, and is left out." for each in seen if not each.images]
    imported.notes += [note for each in seen for note in each.notes]
    own = [each for each in seen if each.images and not each.subset.is_class]
    classes = [each for each in seen if each.images and each.subset.is_class]
    used: set[Path] = set()
    for each in own:
        of_class = _class_for(each.subset, classes)
        imported.concepts.append(_concept(each) | (_class_images(of_class, imported.notes) if of_class else {}))
        used |= {of_class.subset.folder} if of_class else set()
    unused = [each.subset.folder for each in classes if each.subset.folder not in used]
    imported.notes += [f"{folder} is not used: each concept has one folder of class images." for folder in unused]
    if own and not classes:
        imported.settings["prior.weight"] = 0
        imported.notes.append("There are no regularization images, so prior preservation is off.")
    return imported


def _concept(seen: Seen) -> dict[str, Any]:
    words = seen.subset.words
    concept: dict[str, Any] = {"folder": str(seen.subset.folder), "repeats": seen.subset.repeats}
    concept |= {"metadata_file": seen.subset.metadata} if seen.subset.metadata else {}
    concept |= {"mask_folder": str(seen.subset.masks)} if seen.subset.masks else {}
    concept |= {"exclude": seen.exclude} if seen.exclude else {}
    if words and not seen.captioned:
        return {**concept, "instance_prompt": words}
    return {**concept, "instance_prompt": FILEWORDS, "default_caption": words}


def _class_for(subset: Subset, classes: Sequence[Seen]) -> Seen | None:
    """The class images whose words are those of the subset too ("dog" of "sks dog"), the most; else the first."""
    words = set(subset.words.lower().split())
    fitting = [each for each in classes if each.subset.words and set(each.subset.words.lower().split()) <= words]
    most = sorted(fitting, key=lambda each: len(each.subset.words.split()), reverse=True)
    return next(iter([*most, *classes]), None)


def _class_images(seen: Seen, notes: list[str]) -> dict[str, Any]:
    folder, words = seen.subset.folder, seen.subset.words
    if seen.captioned and seen.captioned == seen.images:
        return {"class_folder": str(folder), "class_prompt": FILEWORDS}
    if seen.captioned:
        notes.append(
            f'{folder} has captions for {seen.captioned} of {seen.images} images: all have the prompt "{words}".'
        )
    if not words:
        notes.append(f"{folder} says no class: write the class prompt yourself.")
    return {"class_folder": str(folder), "class_prompt": words}
