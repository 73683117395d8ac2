"""Where an image is cropped with data.crop = "smart": around its faces, else where it has the most detail."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..settings.options import Data
from .buckets import crop_of
from .cropping import MIDDLE, Crop, Size, crop_to
from .file_state import kept_while_unchanged
from .images import open_image
from .usable import size_of

_SIDE = 160
"""Longer side of what is looked at; faces of at least 24 pixels of it are found."""
_LEAST_FACE = 24
_NEIGHBORS = 4
"""Of a face: windows around it that the cascade takes for one too. With fewer it finds faces in walls."""
_FACES = 3.0
"""What the faces weigh, relative to all detail."""
_TO_THE_MIDDLE = 0.5
"""By which share a place at the edge of the image counts less than the middle."""
REMEMBERED = 50_000


@dataclass(frozen=True)
class Interest:
    """How much there is to see in each column and each row of an image; the sum of each is 1 or, of a plain one, 0."""

    columns: NDArray[np.float64]
    rows: NDArray[np.float64]

    def place(self, image: Size, size: Size) -> tuple[float, float]:
        """Where to crop for `crop_to`, from 0 (left, top) to 1 (right, bottom)."""
        scale = max(size[0] / image[0], size[1] / image[1])
        across, down = (min(1.0, trained / scale / own) for trained, own in zip(size, image, strict=True))
        return _best(self.columns, across), _best(self.rows, down)


def crop_of_image(image: Path, data: Data, resolution: int | None = None) -> Crop:
    """What is trained of an image file, at data.resolution or another one; with a random crop, what is evaluated.

    The one answer, for the worker and the previews. Raises UserError if the image cannot be read.
    """
    size = size_of(image)
    crop = crop_of(size, data, resolution)
    return crop_to(size, crop.size, interest_of(image).place(size, crop.size)) if data.crop == "smart" else crop


@kept_while_unchanged(REMEMBERED)
def interest_of(image: Path) -> Interest:
    """Of an image file. Raises UserError if it cannot be read."""
    return interest(open_image(image, least_side=_SIDE))


def interest(image: Image.Image) -> Interest:
    """Of an upright RGB image."""
    small = image.convert("L")
    small.thumbnail((_SIDE, _SIDE))
    gray = np.asarray(small, np.float64) / 255
    down, across = np.abs(np.diff(gray, axis=0)), np.abs(np.diff(gray, axis=1))
    detail = np.zeros_like(gray)
    detail[1:] += down
    detail[:, 1:] += across
    detail = np.sqrt(detail)  # so that one strong edge does not outweigh a face full of faint ones
    faces = _face_map(np.asarray(small, np.uint8))
    columns, rows = (
        _shares(_above_the_ground(detail.sum(axis))) + _FACES * _shares(faces.sum(axis)) for axis in (0, 1)
    )
    return Interest(_shares(columns), _shares(rows))


def _best(interest: NDArray[np.float64], share: float) -> float:
    """The place of the part, so long a share of the whole, that has most to see, above all in its middle."""
    length = max(1, round(share * len(interest)))
    places = len(interest) - length + 1
    if places < 2 or not interest.any():
        return MIDDLE[0]
    at = (np.arange(length) + 0.5) / length * 2 - 1
    seen = np.convolve(interest, 1 - at**2, mode="valid")
    place = np.linspace(0, 1, places)
    return float(place[np.argmax(seen * (1 - _TO_THE_MIDDLE * np.abs(place - MIDDLE[0])))])


def _above_the_ground(detail: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without what is everywhere, such as grass."""
    return np.clip(detail - np.quantile(detail, 0.1), 0, None)


def _shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    whole = values.sum()
    return values / whole if whole > 0 else values


def _face_map(gray: NDArray[np.uint8]) -> NDArray[np.float64]:
    """1 in faces that look at the camera; 0 elsewhere, and where scikit-image is not installed."""
    found = np.zeros(gray.shape)
    detector = _detector()
    if detector is None or min(gray.shape) < _LEAST_FACE:
        return found
    for face in detector.detect_multi_scale(
        gray,
        scale_factor=1.2,
        step_ratio=1,
        min_size=(_LEAST_FACE, _LEAST_FACE),
        max_size=(min(gray.shape),) * 2,
        min_neighbor_number=_NEIGHBORS,
    ):
        found[face["r"] : face["r"] + face["height"], face["c"] : face["c"] + face["width"]] = 1
    return found


@lru_cache(maxsize=1)
def _detector() -> Any:
    """scikit-image's, which the WebUI brings along; None without it."""
    with suppress(ImportError):
        frontal_faces = import_module("skimage.data").lbp_frontal_face_cascade_filename()
        return import_module("skimage.feature").Cascade(frontal_faces)
    return None
