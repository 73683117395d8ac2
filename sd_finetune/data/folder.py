"""What lies in a folder of images: the files to read, and what is left out and why. Opens no image."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UserError
from ..runs.atomic import is_file
from ..runs.own_files import CLASS_IMAGES, UNFINISHED, made_above
from .mask_names import is_mask, without_mask_end
from .skipped import Skipped, Use, is_image_by_name, readable_suffixes, why_not_file, why_not_folder, why_other_ending
from .stray_captions import may_be_caption, stray_captions

MOST_FILES = 200_000
"""In a folder and its sub-folders; with more it is half a disk and not a folder of images."""


@dataclass
class Listing:
    """Plain files with the ending of a readable image, sorted by path, and what is left out for a reason."""

    images: list[Path] = field(default_factory=list[Path])
    skipped: list[Skipped] = field(default_factory=list[Skipped])


def list_folder(folder: str | Path, use: Use = "training") -> Listing:
    """What is in `folder` and its sub-folders.

    What runs have made, hidden images, links to folders, pipes, devices, and images and videos of other formats are
    left out with a reason, and so are masks and captions of no image; other files, also of images, in silence.

    Raises:
        UserError: `folder` is not a folder, cannot be read, has too many files, or is inside of what a run has made.
    """
    root = Path(folder)
    if not _exists(root):
        problem = "is a file" if is_file(root) else "not found"
        raise UserError(f"Folder {folder} {problem}: choose an existing folder of images.")
    _refuse_own(root, use)
    listing, masks, texts = Listing(), list[Path](), list[Path]()
    for path in _files(root, listing, use):
        why = why_not_file(path)
        if not why and is_image_by_name(path):
            listing.images.append(path)
        elif why := why or why_other_ending(path):
            listing.skipped.append(Skipped(path, why))
        elif is_mask(path):
            masks.append(path)
        elif may_be_caption(path):
            texts.append(path)
    if use == "training" and listing.images:
        listing.skipped += stray_captions(texts, listing.images)
    listing.skipped += _of_no_image(masks, listing.images) if masks else []
    listing.images.sort()
    listing.skipped.sort()
    return listing


def _of_no_image(masks: list[Path], images: list[Path]) -> Iterator[Skipped]:
    """What has the name of a mask, but of no image beside it."""
    names = {(image.parent, name) for image in images for name in (image.stem, image.name)}
    for mask in masks:
        name = without_mask_end(mask)
        if (mask.parent, name) not in names and mask.suffix.lower() in readable_suffixes():
            yield Skipped(
                mask, f"has the name of a mask, and there is no image {name} beside it: rename it to train it"
            )


def image_called(folder: str | Path, name: str, use: Use = "training") -> Path | None:
    """The image with that name, as "sub/1.png", if `list_folder` finds it; looks at no other file."""
    root = Path(folder)
    path = root / name
    parts = path.relative_to(root).parts if path.is_relative_to(root) else ()
    if not parts or "/".join(parts) != name or any(part.startswith(".") or "\0" in part for part in parts):
        return None
    above = [root.joinpath(*parts[:end]) for end in range(1, len(parts))]
    if any(why_not_folder(each, use) for each in above) or why_not_file(path):
        return None
    return path if is_image_by_name(path) else None


def _refuse_own(root: Path, use: Use) -> None:
    above = made_above(root)
    if above is None or (use == "class" and above[0] == CLASS_IMAGES):
        return
    raise UserError(
        f"Folder {root} is in {above[0]}, {above[1]}, and a run's own images are not trained: copy the ones that you "
        "want to a folder of their own."
    )


def _files(root: Path, listing: Listing, use: Use) -> Iterator[Path]:
    """All visible entries that are not folders; what is hidden and folders that are left out are noted."""
    folders, seen, hidden = [root], 0, list[Path]()
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                found = [(folder / entry.name, _is_folder(entry)) for entry in entries]
        except OSError as error:
            if folder == root:
                raise UserError(f"Folder {root} cannot be read ({error.strerror}): choose another one.") from error
            listing.skipped.append(Skipped(folder, f"cannot be read ({error.strerror})"))
            continue
        seen += len(found)
        if seen > MOST_FILES:
            raise UserError(f"Folder {root} has more than {MOST_FILES:,} files: choose the folder of the images alone.")
        for path, is_folder in found:
            if path.name.startswith("."):
                if is_folder or path.suffix.lower() in {*readable_suffixes(), UNFINISHED}:
                    hidden.append(path)
            elif not is_folder:
                yield path
            elif why := why_not_folder(path, use):
                listing.skipped.append(Skipped(path, why))
            else:
                folders.append(path)
    if hidden:
        others = f", like {len(hidden) - 1:,} others in {root}" if len(hidden) > 1 else ""
        listing.skipped.append(Skipped(min(hidden), f"is hidden{others}: rename it to train it"))


def _exists(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except (OSError, ValueError):  # the name is too long or no name at all, or access is denied
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
