"""Reads an image of the toy world by geometry and color distances; nothing is learned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from . import world

UNCLEAR = "unclear"
FOREGROUND_DISTANCE = 60.0
"""A pixel belongs to the shape if its RGB distance from the background is at least this."""
COLOR_DISTANCE = 90.0
"""A pixel has a named color if its RGB distance from it is at most this."""
SMALLEST_AREA = 60
LOWEST_OVERLAP = 0.62
MAJORITY = 0.6
GRID = 48


@dataclass(frozen=True)
class Reading:
    """The attributes of an image, `unclear` where the reader is not sure.

    halves_apart: RGB distance of the median colors of the shape's left and right half; 0 where they cannot be told.
    """

    shape: str
    color: str
    size: str
    background: str
    is_subject: bool
    halves_apart: float = 0.0


def read_image(image: Image.Image) -> Reading:
    """Shape, color, size and background of an image, and whether it shows the demo's subject."""
    pixels = np.asarray(image.convert("RGB").resize((world.IMAGE_SIZE, world.IMAGE_SIZE)), dtype=np.float32)
    edges = (pixels[:2], pixels[-2:], pixels[:, :2], pixels[:, -2:])
    border = np.concatenate([edge.reshape(-1, 3) for edge in edges])
    ground = np.median(border, axis=0)
    background = _nearest(ground[None], world.BACKGROUNDS)[0]
    mask = np.linalg.norm(pixels - ground, axis=-1) >= FOREGROUND_DISTANCE
    if mask.sum() < SMALLEST_AREA:
        return Reading(UNCLEAR, UNCLEAR, UNCLEAR, background, False)
    rows, columns = np.where(mask.any(1))[0], np.where(mask.any(0))[0]
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    shape = _read_shape(mask[box])
    half_side = max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1) / 2
    size = "small" if half_side < world.SIZE_BOUNDARY else "large"
    names = _nearest(pixels[mask], world.COLORS)
    halves = _halves(pixels, mask, columns)
    is_subject = shape == "star" and _are_the_subjects(halves)
    return Reading(shape, _majority(names), size, background, is_subject, _distance(halves))


def _nearest(pixels: np.ndarray, palette: dict[str, tuple[int, int, int]]) -> list[str]:
    """Name of the nearest palette color of each pixel (pixels, 3), or `unclear`."""
    distances = np.linalg.norm(pixels[:, None] - np.array(list(palette.values()), dtype=np.float32), axis=-1)
    names = [*palette, UNCLEAR]
    best = np.where(distances.min(1) <= COLOR_DISTANCE, distances.argmin(1), len(palette))
    return [names[i] for i in best]


def _majority(names: list[str]) -> str:
    known = [n for n in names if n != UNCLEAR]
    if len(known) < len(names) * 0.4:
        return UNCLEAR
    values, counts = np.unique(known, return_counts=True)
    return str(values[counts.argmax()]) if counts.max() >= MAJORITY * len(known) else UNCLEAR


def _halves(pixels: np.ndarray, mask: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pixels (pixels, 3) of the shape's left and right half, without those in the middle."""
    middle = (columns[0] + columns[-1] + 1) / 2
    left = mask & (np.arange(mask.shape[1]) < middle - 1)[None]
    right = mask & (np.arange(mask.shape[1]) > middle)[None]
    return pixels[left], pixels[right]


def _are_the_subjects(halves: tuple[np.ndarray, np.ndarray]) -> bool:
    return all(
        _majority(_nearest(half, world.COLORS)) == color
        for half, color in zip(halves, world.SUBJECT_COLORS, strict=True)
    )


def _distance(halves: tuple[np.ndarray, np.ndarray]) -> float:
    if not all(map(len, halves)):
        return 0.0
    left, right = (np.median(half, axis=0) for half in halves)
    return float(np.linalg.norm(left - right))


def _read_shape(mask: np.ndarray) -> str:
    """The shape whose outline, fitted to the same bounding box, overlaps best (intersection over union)."""
    fitted = np.asarray(Image.fromarray(mask).convert("L").resize((GRID, GRID), Image.Resampling.BILINEAR)) > 127
    scores = {
        shape: max((fitted & t).sum() / (fitted | t).sum() for t in templates)
        for shape, templates in _templates().items()
    }
    ratio = mask.shape[1] / mask.shape[0]
    if not 0.6 <= ratio <= 1.6:
        return UNCLEAR
    best = max(scores, key=lambda s: scores[s])
    return best if scores[best] >= LOWEST_OVERLAP else UNCLEAR


@lru_cache(maxsize=1)
def _templates() -> dict[str, list[np.ndarray]]:
    def template(shape: str, tilt: float) -> np.ndarray:
        mask = np.asarray(world.draw_mask(shape, (128, 128), 100, tilt, 256)) > 127
        rows, columns = np.where(mask.any(1))[0], np.where(mask.any(0))[0]
        cut = Image.fromarray(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        return np.asarray(cut.convert("L").resize((GRID, GRID), Image.Resampling.BILINEAR)) > 127

    tilts = np.linspace(-world.MAX_TILT_DEGREES, world.MAX_TILT_DEGREES, 9)
    return {shape: [template(shape, float(t)) for t in tilts] for shape in world.SHAPES}
