"""An image as it is trained, to look at: what the crop cuts off is dark, what its mask leaves out is red."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

from ...data.cropping import Crop, Size

DARKNESS = 0.75
"""Of what is cut off, so that one still sees what it is."""
TINT, TINTED = (255, 0, 0), 0.6
LINE = "white"
LEAST_SIDE, MOST_SIDE = 64, 1600


def trained_part(image: Image.Image, whole: Size, crop: Crop, mask: Image.Image | None, side: int) -> bytes:
    """A JPEG of an upright image, its longer side `side` pixels at most.

    whole: the size that the crop's box is of. mask: in 8-bit gray, white where it is learned; None: all of it is.
    """
    shown = image.copy()
    shown.thumbnail((side, side))
    left, top, right, bottom = _scaled(crop, whole, shown.size)
    if mask is not None:
        tinted = Image.blend(shown, Image.new("RGB", shown.size, TINT), TINTED)
        shown = Image.composite(shown, tinted, mask.resize(shown.size))
    dark = Image.blend(shown, Image.new("RGB", shown.size), DARKNESS)
    dark.paste(shown.crop((left, top, right, bottom)), (left, top))
    if (right - left, bottom - top) != shown.size:
        ImageDraw.Draw(dark).rectangle((left, top, right - 1, bottom - 1), outline=LINE)
    buffer = io.BytesIO()
    dark.save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()


def _scaled(crop: Crop, whole: Size, shown: Size) -> tuple[int, int, int, int]:
    """The crop's box in pixels of what is shown."""
    across, down = shown[0] / whole[0], shown[1] / whole[1]
    left, top, right, bottom = crop.box
    return round(left * across), round(top * down), round(right * across), round(bottom * down)
