"""The folders of kohya's scripts: `img/10_sks dog` is trained 10 times an epoch, `reg/1_dog` has its class images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ...errors import UserError
from .looked_into import Subset
from .subsets import Imported, concepts_of

REGULARIZATION = ("reg", "regs", "regularization", "regularisation", "reg_images", "reg_data", "class", "class_images")
TRAINING = ("img", "imgs", "image", "images", "train", "train_data", "training", "dataset")
"""Names that folders of kohya_ss and of guides have; any case."""
_NAME = re.compile(r"(\d{1,6})_(.*)")


def import_kohya_folder(root: Path) -> Imported:
    """The concepts of a folder with folders like "10_sks dog", of one around it, or of such a folder itself.

    Raises:
        UserError: there is no such folder, or it cannot be read.
    """
    if not root.is_dir():
        raise UserError(f"Folder {root} not found: choose an existing folder of images.")
    place = _training_place(root)
    if place is None:
        raise UserError(
            f'{root} has no folder like "10_sks dog", as kohya\'s scripts want them: where it has images itself, '
            "choose it as the training images folder."
        )
    subsets, notes = _subsets(place, is_class=False)
    for folder in _places_of_class_images(place):
        for of_class in _named(folder, REGULARIZATION):
            found, more = _subsets(of_class, is_class=True)
            subsets += found or [Subset(of_class, 1, "", is_class=True)]
            notes += more
    imported = concepts_of(list(dict.fromkeys(subsets)))
    if not imported.concepts:
        raise UserError(f"{root} has no images: {' '.join([*notes, *imported.notes])}")
    imported.notes[:0] = notes
    imported.settings["captions.several_lines"] = "first"
    return imported


def kohya_names(folder: str | Path, images: Iterable[Path]) -> list[str]:
    """The folders between `folder` and the images that are named for kohya's scripts, as "10_sks dog"."""
    parents = {parent for image in images for parent in image.relative_to(folder).parents}
    return sorted(parent.as_posix() for parent in parents if _NAME.fullmatch(parent.name))


def misread_names(name: str, folder: str | Path, images: Sequence[Path]) -> Iterator[str]:
    """A sentence where a concept's folder is meant to be imported. name: of the concept."""
    found = kohya_names(folder, images)
    if found:
        yield (
            f'{name}: {folder} has folders as for kohya\'s scripts, such as "{found[0]}", whose repeats and words are '
            "not read here, and regularization images in it are trained as the subject: import the folder instead."
        )


def _training_place(root: Path) -> Path | None:
    """The folder that the numbered folders are in, or the numbered folder itself."""
    for place in (root, *_named(root, TRAINING)):
        if any(_NAME.fullmatch(each.name) for each in _folders(place)):
            return place
    return root if _NAME.fullmatch(root.name) else None


def _places_of_class_images(place: Path) -> list[Path]:
    """Where a folder of regularization images may be: among the numbered folders, or beside the one they are in."""
    places = [place, place.parent] if _NAME.fullmatch(place.name) else [place]
    return [*places, *(each.parent for each in places if each.name.lower() in TRAINING)]


def _subsets(place: Path, is_class: bool) -> tuple[list[Subset], list[str]]:
    """The numbered folders in `place`, or it alone if it is numbered and has none; notes about what else is there."""
    subsets: list[Subset] = []
    notes: list[str] = []
    inside = _folders(place)
    is_alone = _NAME.fullmatch(place.name) and not any(_NAME.fullmatch(folder.name) for folder in inside)
    for folder in [place] if is_alone else inside:
        match = _NAME.fullmatch(folder.name)
        if match and int(match[1]):
            subsets.append(Subset(folder, int(match[1]), " ".join(match[2].split()), is_class))
        elif match:
            notes.append(f"{folder} has 0 repeats, and is left out.")
        elif is_class or folder.name.lower() not in REGULARIZATION:
            notes.append(f"{folder} has no number of repeats in its name, and is left out.")
    return subsets, notes


def _named(folder: Path, names: Sequence[str]) -> list[Path]:
    return [each for each in _folders(folder) if each.name.lower() in names]


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
    except OSError as error:
        raise UserError(f"Folder {folder} cannot be read ({error.strerror}): choose another one.") from error
