"""Color jitter: another brightness, contrast, saturation and hue of an image at each use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from ..settings.options import Data


@dataclass(frozen=True)
class Colors:
    """How colors are changed: three factors, of which 1 changes nothing, and the hue by a share of the color circle."""

    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0

    def applied(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(height, width, 3), 0 … 255, with these colors."""
        image = Image.fromarray(pixels)
        for kind, factor in (
            (ImageEnhance.Brightness, self.brightness),
            (ImageEnhance.Contrast, self.contrast),
            (ImageEnhance.Color, self.saturation),
        ):
            if factor != 1:
                image = kind(image).enhance(factor)
        return np.array(_turned(image, self.hue) if self.hue else image)


def drawn_colors(data: Data, generator: torch.Generator) -> Colors | None:
    """Colors by chance, each within its strength in the settings; None, and nothing is drawn, where all are 0."""
    if not data.jitters():
        return None
    share = [2 * float(number) - 1 for number in torch.rand(4, generator=generator)]
    return Colors(
        brightness=1 + share[0] * data.brightness_jitter,
        contrast=1 + share[1] * data.contrast_jitter,
        saturation=1 + share[2] * data.saturation_jitter,
        hue=share[3] * data.hue_jitter,
    )


def _turned(image: Image.Image, hue: float) -> Image.Image:
    turned = np.array(image.convert("HSV"))
    turned[..., 0] = (turned[..., 0].astype(np.int16) + round(hue * 256)) % 256
    return Image.fromarray(turned, mode="HSV").convert("RGB")
