"""How sharp an image is at the size that it is trained at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BLURRED = 0.35
"""Below, an image is blurred. See tests/unit/data/test_sharpness.py for what was measured."""
_PARTS = 8
"""In each direction: a portrait before a soft background is sharp in some parts of it."""
_COUNTED = 0.25
"""Share of the parts, those of the strongest edges, in which the sharpness is measured."""
_LEAST_EDGES = 4.0
"""Mean square of neighboring gray values' differences; with less there is nothing that could be sharp."""


def sharpness(pixels: NDArray[np.uint8]) -> float | None:
    """How steep edges are: the mean square of the Laplacian relative to that of the gradient, about 0 to 1.5.

    Both grow with the contrast and number of edges, their relation only with how few pixels an edge is wide. None
    where there are no edges, as in an image of one color. pixels: (height, width, 3), as trained.
    """
    gray = _smoothed(np.asarray(Image.fromarray(pixels).convert("L"), np.float32))
    inner = gray[1:-1, 1:-1]
    laplacian = 4 * inner - gray[:-2, 1:-1] - gray[2:, 1:-1] - gray[1:-1, :-2] - gray[1:-1, 2:]
    edges = (gray[1:-1, 2:] - inner) ** 2 + (gray[2:, 1:-1] - inner) ** 2
    steep, strong = _means(laplacian**2), _means(edges)
    counted = np.argsort(strong)[-max(1, int(len(strong) * _COUNTED)) :]
    counted = counted[strong[counted] > _LEAST_EDGES]
    return float(np.quantile(steep[counted] / strong[counted], 0.75)) if len(counted) else None


def _smoothed(gray: NDArray[np.float32]) -> NDArray[np.float32]:
    """A little, so that noise is not taken for edges; a pixel smaller on each side."""
    rows = (gray[:-2] + 2 * gray[1:-1] + gray[2:]) / 4
    return (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4


def _means(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The means of its parts."""
    rows, columns = (max(1, side // _PARTS) for side in values.shape)
    whole = values[: values.shape[0] // rows * rows, : values.shape[1] // columns * columns]
    return whole.reshape(whole.shape[0] // rows, rows, -1, columns).mean((1, 3)).ravel()
