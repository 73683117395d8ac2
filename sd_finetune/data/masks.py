"""Which part of a training image is learned: its mask, a file beside it or in another folder, or its alpha channel.

White is learned, black is not, gray is in between.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..settings.options import Concept, Masks
from .cropping import Crop, Size
from .images import has_alpha, open_converted
from .mask_names import MASK_ENDS
from .rgb import alpha_of, gray_on_black
from .skipped import readable_suffixes
from .usable import size_of

REMEMBERED = 20_000
"""Masks that are kept, as they are trained: of 4 KB each at 512 pixels."""
_LATENT = 8
"""Pixels of a side for each latent."""


class MaskFiles:
    """Where the masks of a concept's images are."""

    def __init__(self, concept: Concept, options: Masks) -> None:
        self._concept, self._source = concept, options.source
        self._listed: dict[Path, dict[str, Path]] = {}

    def of(self, image: Path) -> Path | None:
        """The file that holds the mask of an image, which is the image itself for its alpha channel; None without one.

        Raises UserError if the image cannot be read.
        """
        if self._source == "files":
            return self.file_of(image)
        return image if self._source == "alpha" and has_alpha(image) else None

    def file_of(self, image: Path) -> Path | None:
        """The mask file of an image, whether it is asked for or not; it is not opened."""
        folder, ends = self._place(image)
        files = self._files(folder, ends)
        if not files:  # as of most folders, of 10,000 images too
            return None
        names = (name + end for end in ends for name in dict.fromkeys((image.stem, image.name)))
        return next((files[name] for name in names if name in files and files[name] != image), None)

    def _place(self, image: Path) -> tuple[Path, tuple[str, ...]]:
        """The folder of the image's mask, and what comes to the image's name there."""
        if not self._concept.mask_folder:
            return image.parent, MASK_ENDS
        inside = image.parent.relative_to(self._concept.folder) if _is_in(image, self._concept.folder) else Path()
        return Path(self._concept.mask_folder) / inside, ("", *MASK_ENDS)

    def _files(self, folder: Path, ends: tuple[str, ...]) -> dict[str, Path]:
        """The images of a folder whose names without the ending end so, by these names."""
        if folder not in self._listed:
            masks = (path for path in _images_in(folder) if path.stem.endswith(ends))
            self._listed[folder] = {path.stem: path for path in sorted(masks, reverse=True)}
        return self._listed[folder]


def read_mask(image: Path, mask: Path) -> Image.Image:
    """A mask, upright, in 8-bit gray. mask: as `MaskFiles.of` answers. Raises UserError if it cannot be read."""
    return open_converted(mask, alpha_of if mask == image else gray_on_black)


def mask_to_show(image: Path, concept: Concept, options: Masks) -> Image.Image | None:
    """The mask of an image in the image's size, 8-bit gray; None where the whole image is learned.

    Raises:
        UserError: image or mask cannot be read.
    """
    mask = MaskFiles(concept, options).of(image)
    return read_mask(image, mask).resize(size_of(image), Image.Resampling.BILINEAR) if mask else None


def fit_mask(mask: Image.Image, image: Size, crop: Crop) -> NDArray[np.uint8]:
    """The crop's part of a mask, (height/8, width/8), 0 … 255: what is white of each latent's square of pixels.

    image: the size of the upright image, which the mask is scaled to.
    """
    x, y = mask.width / image[0], mask.height / image[1]
    left, top, right, bottom = crop.box
    box = (left * x, top * y, min(right * x, mask.width), min(bottom * y, mask.height))
    return np.asarray(mask.resize(crop.size, Image.Resampling.BILINEAR, box=box).reduce(_LATENT))


class TrainedMasks:
    """Masks as `fit_mask` makes them; those read last are remembered."""

    def __init__(self) -> None:
        self.of = lru_cache(maxsize=REMEMBERED)(_fitted)
        """Called with an image, its mask and the crop. Raises UserError as `read_mask`."""


def _fitted(image: Path, mask: Path, crop: Crop) -> NDArray[np.uint8]:
    return fit_mask(read_mask(image, mask), size_of(image), crop)


def _is_in(image: Path, folder: str) -> bool:
    return bool(folder) and image.is_relative_to(folder)


def _images_in(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except OSError:  # a mask folder need not have all sub-folders
        return
    for path in map(Path, names):
        if path.suffix.lower() in readable_suffixes() and not path.name.startswith("."):
            yield folder / path
