"""A concept's images as a whole, and one of them by its name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from ...data.buckets import crop_of
from ...data.cropping import Size, cut_off
from ...data.folder import image_called
from ...data.skipped import Use
from ...data.usable import UsableImages
from ...errors import UserError
from ...settings.options import Data


def describe_images(found: UsableImages, data: Data) -> dict[str, Any]:
    """A concept's images as a whole: `count`, `excluded` (how many), `sizes`, `skipped`, `unchecked`.

    `sizes`, the most frequent first: `size`, `count`, and what is made of such an image: the size that it is `trained`
    in, the share that is `cut` off, and the `scale` it is resized by.
    `skipped` has a sentence for each file that is not trained; `unchecked` is how many may still turn out to be such.
    """
    sizes = Counter(found.sizes.values())
    fitted = [{"size": size, "count": count, **_fitted(size, data)} for size, count in sizes.most_common()]
    return {
        "count": len(found.images),
        "excluded": len(found.excluded),
        "sizes": fitted,
        "skipped": found.warnings(),
        "unchecked": found.unchecked,
    }


def image_in(folder: str, name: str, use: Use = "training") -> Path:
    """The image, which must be one that is found in the folder, so that no name leads out of it. Raises UserError."""
    path = image_called(folder, name, use)
    if path is None:
        raise UserError(f"Image {name} not found in {folder}: reload the page.")
    return path


def _fitted(size: Size, data: Data) -> dict[str, Any]:
    crop = crop_of(size, data)
    return {"trained": crop.size, "cut": cut_off(size, crop), "scale": crop.scale}
