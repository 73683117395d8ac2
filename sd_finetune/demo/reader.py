"""Judges a picture of the toy world without opinion: geometry and colour distances, nothing learned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from . import world

UNCLEAR = "unclear"
FOREGROUND_DISTANCE = 60.0
"""A pixel belongs to the shape if its RGB distance from the background is at least this."""
COLOUR_DISTANCE = 90.0
"""A pixel has a named colour if its RGB distance from it is at most this."""
SMALLEST_AREA = 60
LOWEST_OVERLAP = 0.62
MAJORITY = 0.6
GRID = 48


@dataclass(frozen=True)
class Reading:
    """What a picture shows; `unclear` where the reader will not say."""

    shape: str
    colour: str
    size: str
    background: str
    is_subject: bool


def read_picture(picture: Image.Image) -> Reading:
    """Shape, colour, size and background of a picture, and whether it shows the demo's subject."""
    pixels = np.asarray(picture.convert("RGB").resize((world.PICTURE_SIZE,) * 2), dtype=np.float32)
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
    names = _nearest(pixels[mask], world.COLOURS)
    is_subject = shape == "star" and _shows_both_halves(pixels, mask, columns)
    return Reading(shape, _majority(names), size, background, is_subject)


def _nearest(pixels: np.ndarray, palette: dict[str, tuple[int, int, int]]) -> list[str]:
    """Name of the nearest palette colour of each pixel (pixels, 3), or `unclear`."""
    distances = np.linalg.norm(pixels[:, None] - np.array(list(palette.values()), dtype=np.float32), axis=-1)
    names = [*palette, UNCLEAR]
    best = np.where(distances.min(1) <= COLOUR_DISTANCE, distances.argmin(1), len(palette))
    return [names[i] for i in best]


def _majority(names: list[str]) -> str:
    known = [n for n in names if n != UNCLEAR]
    if len(known) < len(names) * 0.4:
        return UNCLEAR
    values, counts = np.unique(known, return_counts=True)
    return str(values[counts.argmax()]) if counts.max() >= MAJORITY * len(known) else UNCLEAR


def _shows_both_halves(pixels: np.ndarray, mask: np.ndarray, columns: np.ndarray) -> bool:
    middle = (columns[0] + columns[-1] + 1) / 2
    left = mask & (np.arange(mask.shape[1]) < middle - 1)[None]
    right = mask & (np.arange(mask.shape[1]) > middle)[None]
    return all(
        _majority(_nearest(pixels[half], world.COLOURS)) == colour
        for half, colour in zip((left, right), world.SUBJECT_COLOURS, strict=True)
    )


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
        drawn = np.asarray(world.draw_mask(shape, (128, 128), 100, tilt, 256)) > 127
        rows, columns = np.where(drawn.any(1))[0], np.where(drawn.any(0))[0]
        cut = Image.fromarray(drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        return np.asarray(cut.convert("L").resize((GRID, GRID), Image.Resampling.BILINEAR)) > 127

    tilts = np.linspace(-world.MAX_TILT_DEGREES, world.MAX_TILT_DEGREES, 9)
    return {shape: [template(shape, float(t)) for t in tilts] for shape in world.SHAPES}
