"""Images that are better left out of a training: copies of others, blurred ones, and those that are too small."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError
from ..settings.options import Data
from .bucket_table import ENLARGED
from .buckets import crop_of
from .cropping import Crop, Size
from .file_state import kept_while_unchanged
from .fingerprint import SIDE, Fingerprint, fingerprint, groups_of_alike, pairs_alike
from .folder import list_folder
from .images import fit_image, open_image
from .sharpness import BLURRED, sharpness

THREADS = 4
REMEMBERED = 20_000
"""Images that are not read again as long as they have not changed: of 1 KB each."""
_SPARE = 2
"""How many times as large as it is trained a JPEG is decoded at least."""


@dataclass
class ImageChecks:
    """What was found among `total` images, of which `checked` were read.

    alike: groups of images that look alike, of each the one with most pixels first. in_class: training images that
    are class images, too, with one of those. blurred: how sharp. small: how many times they are enlarged.
    """

    total: int
    checked: int = 0
    alike: list[list[Path]] = field(default_factory=list[list[Path]])
    in_class: dict[Path, Path] = field(default_factory=dict[Path, Path])
    blurred: dict[Path, float] = field(default_factory=dict[Path, float])
    small: dict[Path, float] = field(default_factory=dict[Path, float])


class Asked(NamedTuple):
    """An image to look at; of one that is trained, its size and what is trained of it."""

    image: Path
    size: Size | None = None
    crop: Crop | None = None


class Looked(NamedTuple):
    """What was seen of an image; sharpness: as it is trained, None where it has no edges or is not trained."""

    fingerprint: Fingerprint
    sharpness: float | None


def check_images(
    sizes: dict[Path, Size],
    class_folder: str,
    data: Data,
    seconds: float = float("inf"),
    progress: Callable[[int, int], None] | None = None,
) -> ImageChecks:
    """Check the training images of a concept, of these sizes, against each other and those in its class folder.

    seconds: how long files are read; the next call goes on with those that were not. progress: called with (images
    done, images in all). A file that is gone or damaged by now is left out.
    """
    crops = {image: crop_of(size, data) for image, size in sizes.items()}
    of_class = _class_images(class_folder)
    asked = [*(Asked(image, sizes[image], crop) for image, crop in crops.items()), *map(Asked, of_class)]
    seen = _all_looked(asked, time.monotonic() + seconds, progress)
    found = ImageChecks(len(asked), len(seen))
    found.small = {image: crop.scale for image, crop in crops.items() if crop.scale > ENLARGED}
    usable = [(image, looked) for image in crops if (looked := seen.get(image))]
    found.blurred = {
        image: looked.sharpness
        for image, looked in usable
        if looked.sharpness is not None and looked.sharpness < BLURRED
    }
    prints = [looked.fingerprint for _, looked in usable]
    for group in groups_of_alike(prints):
        images = [usable[place][0] for place in group]
        found.alike.append(sorted(images, key=lambda image: (-sizes[image][0] * sizes[image][1], image)))
    others = [(image, looked) for image in of_class if (looked := seen.get(image))]
    for place, other in pairs_alike(prints, [looked.fingerprint for _, looked in others]):
        found.in_class.setdefault(usable[place][0], others[other][0])
    return found


def _class_images(folder: str) -> list[Path]:
    try:
        return list_folder(folder, "class").images if folder else []
    except UserError:  # said where the folder stands
        return []


def _all_looked(
    asked: Sequence[Asked], end: float, progress: Callable[[int, int], None] | None
) -> dict[Path, Looked | None]:
    """What was seen of those that there was time for, None of damaged ones."""

    def look(one: Asked) -> tuple[bool, Looked | None]:
        if time.monotonic() >= end:
            return False, None
        try:
            return True, _looked_at(one.image, one.size, one.crop)
        except (UserError, OSError):
            return True, None

    seen: dict[Path, Looked | None] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        for done, (one, (is_read, looked)) in enumerate(zip(asked, pool.map(look, asked), strict=True), start=1):
            if is_read:
                seen[one.image] = looked
            if progress:
                progress(done, len(asked))
    return seen


@kept_while_unchanged(REMEMBERED)
def _looked_at(path: Path, size: Size | None, crop: Crop | None) -> Looked:
    if size is None or crop is None:
        return Looked(fingerprint(open_image(path, least_side=_SPARE * SIDE)), None)
    image = open_image(path, least_side=_SPARE * max(crop.size))
    across, down = image.width / size[0], image.height / size[1]  # of a JPEG that was decoded smaller
    left, top, right, bottom = crop.box
    part = Crop((left * across, top * down, right * across, bottom * down), crop.size)
    return Looked(fingerprint(image), sharpness(fit_image(image, part)))
