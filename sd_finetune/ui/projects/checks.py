"""What the page tells of a concept's images: which are better left out, and what is trained of one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from ...checks.concept_images import folder_of_concept, images_of_concept
from ...data.image_checks import ImageChecks, check_images
from ...data.images import open_image
from ...data.masks import mask_to_show
from ...data.smart_crop import crop_of_image
from ...data.usable import size_of
from ...settings.plain import concepts
from ...settings.read import as_far_as_valid
from .images import image_in
from .trained_part import LEAST_SIDE, MOST_SIDE, trained_part

Kind = Literal["duplicate", "class", "blurred", "small"]

LOOK_SECONDS = 1.0
"""How long a route reads images; the next one goes on with those that it has not come to."""


def checks_of_concept(settings: dict[str, Any], number: int) -> dict[str, Any]:
    """What was found among the images of a concept, counted from 1: of `total` images, `checked` were read so far.

    `findings`: of each its `kind`, the `images` by name, which of them to `exclude`, and `words` on it, which may be
    empty. Raises UserError: its folder is unusable.
    """
    found = images_of_concept(settings, number)
    folder, class_folder = folder_of_concept(settings, number), concepts(settings)[number - 1].get("class_folder")
    own = class_folder if isinstance(class_folder, str) else ""
    checks = check_images(found.sizes, own, as_far_as_valid(settings).data, LOOK_SECONDS)
    return {
        "total": checks.total + found.unchecked,
        "checked": checks.checked,
        "findings": list(_findings(checks, Path(folder))),
    }


def _findings(checks: ImageChecks, folder: Path) -> Iterator[dict[str, Any]]:
    def name(image: Path) -> str:
        return image.relative_to(folder).as_posix()

    for group in checks.alike:
        names = [name(image) for image in group]
        yield _finding("duplicate", names, names[1:])
    for image, other in checks.in_class.items():
        yield _finding("class", [name(image)], [name(image)], f"like {other.name} of the class images")
    for image in checks.blurred:
        yield _finding("blurred", [name(image)], [name(image)])
    for image, scale in checks.small.items():
        yield _finding("small", [name(image)], [name(image)], f"enlarged {scale:.1f} times")


def _finding(kind: Kind, images: list[str], exclude: list[str], words: str = "") -> dict[str, Any]:
    return {"kind": kind, "images": images, "exclude": exclude, "words": words}


def preview_of(settings: dict[str, Any], number: int, name: str, side: int) -> bytes:
    """A JPEG of a training image of a concept, counted from 1, that shows what of it is trained. Raises UserError."""
    image, valid = image_in(folder_of_concept(settings, number), name), as_far_as_valid(settings)
    side = min(max(side, LEAST_SIDE), MOST_SIDE)
    mask = mask_to_show(image, valid.concepts[number - 1], valid.masks)
    return trained_part(
        open_image(image, least_side=side), size_of(image), crop_of_image(image, valid.data), mask, side
    )
