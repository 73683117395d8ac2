"""Embeddings that the WebUI has put into an image, as its Train tab does beside the preview of each.

    read_image(path) -> Layout and arrays of the embedding in the image
    embedding_in(path) -> its JSON as a table

What the embedding's `.pt` has is JSON, with `{"TORCHTENSOR": rows of numbers}` for a tensor. It stands in the text
`sd-ti-embedding`, in base64, and also in pixels, which survive where texts are taken out: in two blocks left and right
of the picture, each apart from it by a black column, with the lower and the upper halves of the bytes in the lower half
of each color value, in rows. Both are XORed with the lower half of pseudo-random numbers; the bytes are those of zlib.
It saves PNGs. A WebP or AVIF that somebody made of one has the pixels alone, and only where it is lossless.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL import __version__ as pillow_version

from ..errors import UserError
from ..reading.door import damaged, open_regular, parse_json, reader
from ..reading.layout import Layout, Storage, StoredTensor
from .image_file import image_kind

TEXT = "sd-ti-embedding"
TENSOR = "TORCHTENSOR"
INNER = "string_to_param"
MOST_PIXELS = 8_000_000
MOST_BYTES = 8 << 20
"""Of the JSON: 75 vectors of an SDXL take about 4 MB."""
MOST_CHUNKS = 64
"""That a WebP is looked through for its pixels."""
PACKAGES = {"AVIF": "pillow_avif", "JXL": "pillow_jxl"}
"""What teaches a Pillow to open images that not every Pillow does."""
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
        UserError: there is none, it is damaged, or Pillow cannot open such an image.
    """
    content = embedding_in(path)
    arrays = {str(name): _array(value) for name, value in content[INNER].items()}
    stored = {name: StoredTensor(Storage("F32", own.size), own.shape) for name, own in arrays.items()}
    return Layout({}, {}, {**content, INNER: stored}, path.stat().st_size), arrays


@reader
def embedding_in(path: Path) -> dict[str, Any]:
    """What the embedding's `.pt` has, as JSON has it. Raises UserError as above."""
    kind = image_kind(path)
    _refuse_unknown(path, kind)
    with open_regular(path) as file:
        if kind == "WEBP" and _is_lossy(file):
            raise UserError(
                f"{path} is a lossy WebP, in which no embedding lasts: choose the PNG that it was made from."
            )
        file.seek(0)
        try:
            with Image.open(file, formats=[kind]) as image:
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
    if not isinstance(content, dict):
        raise damaged(path)
    return cast("dict[str, Any]", content)


def _refuse_unknown(path: Path, kind: str) -> None:
    """Raise UserError if Pillow cannot open such images, also with the package that teaches it."""
    Image.init()
    if kind in PACKAGES and kind not in Image.OPEN:
        with suppress(ImportError):
            import_module(PACKAGES[kind])
    if kind in PACKAGES and kind not in Image.OPEN:
        raise UserError(
            f"{path} is a {kind} image, which Pillow {pillow_version} cannot open without {PACKAGES[kind]}: save it as "
            "a PNG of the same size, or choose the .pt or .safetensors of the embedding."
        )


def _is_lossy(file: BinaryIO) -> bool:
    """Whether the first frame of a WebP is: its chunks tell, of which the first 12 bytes are the head."""
    file.seek(12)
    for _ in range(MOST_CHUNKS):
        head = file.read(8)
        name, length = head[:4], int.from_bytes(head[4:], "little")
        if name in (b"VP8 ", b"VP8L") or len(head) < 8:
            return name == b"VP8 "
        if name == b"ANMF":
            file.seek(16, 1)  # where a frame stands; then come its own chunks
        else:
            file.seek(length + length % 2, 1)
    return False


def _array(value: Any) -> NDArray[np.float32]:
    return np.array(value[TENSOR], dtype=np.float32)


def _text_in(image: Any) -> bytes | None:
    """The JSON in an image, None without one."""
    if image.width * image.height > MOST_PIXELS:
        raise ValueError("too many pixels")
    text = getattr(image, "text", {}).get(TEXT)  # of a PNG; read behind the pixels too
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
