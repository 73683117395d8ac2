"""Embeddings that the WebUI has put into a PNG, as its Train tab does beside the preview of each.

    read_image(path) -> Layout and arrays of the embedding in the image

What the embedding's `.pt` has is JSON, with `{"TORCHTENSOR": rows of numbers}` for a tensor. It stands in the text
`sd-ti-embedding`, in base64, and also in pixels, which survive where texts are taken out: in two blocks left and right
of the picture, each apart from it by a black column, with the lower and the upper halves of the bytes in the lower half
of each color value, in rows. Both are XORed with the lower half of pseudo-random numbers; the bytes are those of zlib.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..errors import UserError
from ..reading.door import damaged, open_regular, parse_json, reader
from ..reading.layout import Layout, Storage, StoredTensor

TEXT = "sd-ti-embedding"
TENSOR = "TORCHTENSOR"
INNER = "string_to_param"
MOST_PIXELS = 8_000_000
MOST_BYTES = 8 << 20
"""Of the JSON: 75 vectors of an SDXL take about 4 MB."""
HALF = 0x0F
_FACTOR, _ADDED, _MODULUS, _BELOW = 1664525, 1013904223, 1 << 32, 255
"""Of the linear congruential generator (Numerical Recipes) that the pixels are XORed with, and of its numbers."""

Block = NDArray[np.uint8]
"""Color values, (height, width, 3)."""
Arrays = Mapping[str, NDArray[np.float32]]


@reader
def read_image(path: Path) -> tuple[Layout, dict[str, NDArray[np.float32]]]:
    """What is in the embedding of an image: its layout, and the vectors by name.

    Raises:
        UserError: there is none, or it is damaged.
    """
    with open_regular(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        try:
            with Image.open(file, formats=["PNG"]) as image:
                text = _text_in(image)
        except UnidentifiedImageError:
            text = None
        except OSError as error:
            if error.errno is not None:
                raise
            raise damaged(path) from error  # as Pillow says that a file ends too early
    if text is None:
        raise UserError(f"{path} is an image without an embedding in it: choose a model file.")
    content = parse_json(text)
    arrays = {str(name): _array(value) for name, value in content[INNER].items()}
    stored = {name: StoredTensor(Storage("F32", own.size), own.shape) for name, own in arrays.items()}
    return Layout({}, {}, {**content, INNER: stored}, size), arrays


def _array(value: Any) -> NDArray[np.float32]:
    return np.array(value[TENSOR], dtype=np.float32)


def _text_in(image: Any) -> bytes | None:
    """The JSON in an image, None without one."""
    if image.width * image.height > MOST_PIXELS:
        raise ValueError("too many pixels")
    text = image.text.get(TEXT)  # read behind the pixels too
    if text is not None:
        return base64.b64decode(_short(text))
    return _text_in_pixels(np.asarray(image.convert("RGB")))


def _short(text: str) -> str:
    if len(text) > MOST_BYTES * 4 // 3:
        raise ValueError("too long")
    return text


def _text_in_pixels(pixels: Block) -> bytes | None:
    shown = _without_border(pixels) & HALF
    black = np.flatnonzero(shown.sum(axis=(0, 2)) == 0)
    if len(black) < 2:
        return None
    lower, upper = shown[:, : black[0]], shown[:, black[-1] + 1 :]
    if lower.shape != upper.shape or not lower.size:
        return None
    numbers = _numbers(lower.size) & HALF
    packed = ((upper.ravel() ^ numbers) << 4) | (lower.ravel() ^ numbers)
    try:
        whole = zlib.decompressobj()
        text = whole.decompress(packed.tobytes(), MOST_BYTES)
    except zlib.error:
        return None  # two black columns of just a picture
    if not whole.eof:
        raise ValueError("cut off")
    return text


def _without_border(pixels: Block) -> Block:
    """What is within rows and columns of which no pixel has all colors."""
    lit = pixels.all(axis=2)
    rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    if not len(rows):
        return pixels[:0, :0]
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _numbers(count: int) -> Block:
    """The first so many of the generator, made in blocks of which each is twice as long as the one before."""
    found = np.array([_ADDED], dtype=np.uint64)  # the first, of seed 0
    factor, added = _FACTOR, _ADDED  # from a number to that which is as many further as there are
    while len(found) < count:
        later = (found * np.uint64(factor) + np.uint64(added)) % np.uint64(_MODULUS)
        found = np.concatenate([found, later])
        factor, added = factor * factor % _MODULUS, (factor * added + added) % _MODULUS
    return (found[:count] % np.uint64(_BELOW)).astype(np.uint8)
