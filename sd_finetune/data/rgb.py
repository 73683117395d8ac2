"""Any Pillow mode to 8-bit RGB."""

from __future__ import annotations

from io import BytesIO
from typing import Any, cast

import numpy as np
from PIL import Image, ImageChops

WHITE = (255, 255, 255, 255)


def to_rgb(image: Image.Image) -> Image.Image:
    """`image` as RGB: transparency on white, 16-bit and float gray scaled to 8 bit, the rest as Pillow converts it.

    Raises ValueError for gray values outside 0 … 65535 and for modes that Pillow does not convert.
    """
    if is_wide_gray(image):
        return _wide_gray_to_rgb(image)
    if may_be_transparent(image):
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, WHITE), rgba).convert("RGB")
    return image.convert("RGB")


def may_be_transparent(image: Image.Image) -> bool:
    """Whether it has an alpha channel or, of its palette, gray values or colors, one that is transparent."""
    return "A" in image.getbands() or "transparency" in image.info


def alpha_of(image: Image.Image) -> Image.Image:
    """The alpha channel, 8-bit gray; white where there is none."""
    if not may_be_transparent(image) or is_wide_gray(image):
        return Image.new("L", image.size, 255)
    return image.convert("RGBA").getchannel("A")


def gray_on_black(image: Image.Image) -> Image.Image:
    """`image` in 8-bit gray, transparency on black. Raises ValueError as `to_rgb`."""
    if is_wide_gray(image):
        return to_rgb(image).convert("L")
    rgba = image.convert("RGBA")
    return ImageChops.multiply(rgba.convert("RGB").convert("L"), rgba.getchannel("A"))


def in_srgb(image: Image.Image) -> Image.Image:
    """A color image with the colors that its ICC profile says, as sRGB; as it is without a usable profile.

    Phones write Display P3 and cameras Adobe RGB, which taken for sRGB are pale.
    """
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return image
    try:
        return _converted(image, profile)
    except Exception:  # a damaged profile, one of another kind of image, or a Pillow without LittleCMS
        return image


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    from PIL import ImageCms  # not in every build of Pillow

    found = ImageCms.ImageCmsProfile(BytesIO(profile))
    if "srgb" in ImageCms.getProfileDescription(found).lower():
        return image
    if image.mode == "RGB" and "transparency" in image.info:  # a color, which is another one afterwards
        image = image.convert("RGBA")
    colors = image if image.mode == "CMYK" else image.convert("RGB")
    srgb = ImageCms.ImageCmsProfile(cast("Any", ImageCms).createProfile("sRGB"))
    shown = ImageCms.profileToProfile(colors, found, srgb, outputMode="RGB")
    assert shown is not None
    if image.mode == "RGBA":
        shown.putalpha(image.getchannel("A"))
    shown.info = {name: value for name, value in image.info.items() if name != "icc_profile"}
    return shown


def is_wide_gray(image: Image.Image) -> bool:
    """Whether its values are gray, 16-bit or float."""
    return image.mode == "F" or image.mode.startswith("I")


def _wide_gray_to_rgb(image: Image.Image) -> Image.Image:
    # Pillow's own conversion clips everything above 255, which leaves a white image.
    values = np.asarray(image, dtype=np.float64)
    white = 65535 if image.mode != "F" else _float_white(float(values.max()))
    if not (values.min() >= 0 and values.max() <= white):
        raise ValueError(f"gray values from {values.min():g} to {values.max():g}, outside 0 … {white}")
    return Image.fromarray(np.rint(values * (255 / white)).astype(np.uint8)).convert("RGB")


def _float_white(largest: float) -> int:
    """The value of white in a float image, whose values are from 0 to 1, 8-bit or 16-bit."""
    return next((white for white in (1, 255) if largest <= white), 65535)
