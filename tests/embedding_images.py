"""Images with an embedding in them, as the WebUI's Train tab makes them: in a text, or in pixels alone."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

HEIGHT = 48


def word_in_json(vectors: Tensor, name: str = "zib-7") -> dict[str, Any]:
    """What the WebUI's `.pt` has, in its JSON."""
    return {
        "string_to_token": {"*": 265},
        "string_to_param": {"*": {"TORCHTENSOR": vectors.tolist()}},
        "name": name,
        "step": 40,
        "sd_checkpoint": "0123456789",
        "sd_checkpoint_name": "base",
    }


def save_image_with(path: Path, content: Any, where: str, border: int = 0, **options: Any) -> None:
    """A small picture with the content in it: where = "text" or "pixels". border: of black around it, in pixels.

    options: of Pillow's, for the format that the path's ending says.
    """
    picture = Image.new("RGB", (32, HEIGHT), (200, 180, 160))
    text = json.dumps(content).encode()
    texts = PngInfo()
    if where == "text":
        texts.add_text("sd-ti-embedding", base64.b64encode(text).decode())
    else:
        picture = _with_pixels(picture, zlib.compress(text, 9))
    framed = Image.new("RGB", (picture.width + 2 * border, picture.height + 2 * border))
    framed.paste(picture, (border, border))
    framed.save(path, **({"pnginfo": texts} if path.suffix == ".png" else {}), **options)


def _with_pixels(picture: Image.Image, packed: bytes) -> Image.Image:
    """A block, a black column, the picture, a black column, the other block."""
    width = -(-len(packed) // (HEIGHT * 3)) + 1
    data = (packed * 2)[: HEIGHT * width * 3].ljust(HEIGHT * width * 3, b"\1")
    numbers, seed = [], 0
    for _ in data:
        seed = (seed * 1664525 + 1013904223) % 2**32
        numbers.append(seed % 255 & 15)
    halves = ([byte & 15 for byte in data], [byte >> 4 for byte in data])
    hidden = ([half ^ number | 0x70 for half, number in zip(each, numbers, strict=True)] for each in halves)
    blocks = [np.array(values, np.uint8).reshape(HEIGHT, width, 3) for values in hidden]
    lower, upper = map(Image.fromarray, blocks)
    whole = Image.new("RGB", (2 * width + picture.width + 2, HEIGHT))
    for part, place in ((lower, 0), (picture, width + 1), (upper, width + picture.width + 2)):
        whole.paste(part, (place, 0))
    return whole
