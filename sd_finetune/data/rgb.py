"""Any Pillow mode to 8-bit RGB."""

from __future__ import annotations

import numpy as np
from PIL import Image

WHITE = (255, 255, 255, 255)


def to_rgb(image: Image.Image) -> Image.Image:
    """`image` as RGB: transparency on white, 16-bit and float grey scaled to 8 bit, all else as Pillow converts it.

    Raises ValueError for grey values outside 0 … 65535 and for modes that Pillow does not convert.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        return _wide_grey_to_rgb(image)
    # A palette, grey or RGB picture may name one colour as the transparent one instead of having an alpha channel.
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, WHITE), rgba).convert("RGB")
    return image.convert("RGB")


def _wide_grey_to_rgb(image: Image.Image) -> Image.Image:
    # Pillow's own conversion cuts everything above 255 off, which leaves a white picture.
    values = np.asarray(image, dtype=np.float64)
    white = 65535 if image.mode != "F" else _float_white(float(values.max()))
    if not (values.min() >= 0 and values.max() <= white):
        raise ValueError(f"grey values from {values.min():g} to {values.max():g}, outside 0 … {white}")
    return Image.fromarray(np.rint(values * (255 / white)).astype(np.uint8)).convert("RGB")


def _float_white(largest: float) -> int:
    """What a float picture counts as white: floats come as shares of 1, as 8-bit or as 16-bit values."""
    return next((white for white in (1, 255) if largest <= white), 65535)
