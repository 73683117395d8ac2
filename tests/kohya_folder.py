"""A folder as people have it: for kohya's scripts, of wide and tall images, some with captions, masks beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from sd_finetune.demo.subjects import SUBJECTS

WORDS = "sks star"
CAPTIONS = ("sks star, on navy", "sks star, on mint", "sks star, on cream")
"""Of the first images; the others have none."""
DIFFERENT = 40
"""From the background's color, of 255: what is so is the star's."""


def make_kohya_folder(folder: Path) -> Path:
    """`img/10_sks star` with 4 wide and 4 tall images of the demo's star, `reg/1_star` with 2 class images."""
    place = folder / "img" / f"10_{WORDS}"
    place.mkdir(parents=True)
    for number, file in enumerate(sorted(SUBJECTS["star"].folder.glob("*.png"))):
        pixels = widened(np.asarray(Image.open(file).convert("RGB")), tall=number >= 4)
        Image.fromarray(pixels).save(place / f"{number}.png")
        mask_of(pixels).save(place / f"{number}.mask.png")
        if number < len(CAPTIONS):
            (place / f"{number}.txt").write_text(f"{CAPTIONS[number]}\n")
    regular = folder / "reg" / "1_star"
    regular.mkdir(parents=True)
    for number in range(2):
        Image.new("RGB", (64, 64), (40, 90, 90 + 60 * number)).save(regular / f"{number}.png")
    return folder


def widened(pixels: NDArray[np.uint8], tall: bool) -> NDArray[np.uint8]:
    """Half as much again of one side: the colors at the edges go on."""
    half = pixels.shape[0] // 4
    return np.pad(pixels, ((half, half), (0, 0), (0, 0)) if tall else ((0, 0), (half, half), (0, 0)), mode="edge")


def mask_of(pixels: NDArray[np.uint8]) -> Image.Image:
    """White where the star is, and a little around it."""
    away = np.abs(pixels.astype(int) - pixels[0, 0]).max(axis=2) > DIFFERENT
    return Image.fromarray(np.where(away, 255, 0).astype(np.uint8)).filter(ImageFilter.MaxFilter(5))
