"""Sharpness follows how wide edges are, and not how many there are.

The threshold was measured on 41 photographs and drawings of at least 500 pixels, trained at 512: the least sharp has
0.39, and Gaussian blur with a standard deviation of 1.5 pixels brings 40 of them below 0.35, of 2 pixels all. Of those
enlarged 4 times all are below it, of those enlarged 3 times a half, twice one.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from sd_finetune.data.cropping import crop_to
from sd_finetune.data.images import fit_image
from sd_finetune.data.sharpness import BLURRED, sharpness

TRAINED = (384, 384)


def of(image: Image.Image) -> float:
    found = sharpness(fit_image(image, crop_to(image.size, TRAINED)))
    assert found is not None
    return found


def blurred(image: Image.Image, radius: float) -> Image.Image:
    """As it is trained, then blurred."""
    return Image.fromarray(fit_image(image, crop_to(image.size, TRAINED))).filter(ImageFilter.GaussianBlur(radius))


@pytest.mark.parametrize("name", ["cup", "rocket", "astronaut"])
def test_blurred_photographs_are_below_the_threshold_and_sharp_ones_above(
    name: str, photographs: dict[str, Image.Image]
) -> None:
    sharp = photographs[name]
    values = [of(sharp), *(of(blurred(sharp, radius)) for radius in (0.75, 1.5, 2, 3))]
    assert values == sorted(values, reverse=True)
    assert values[0] > BLURRED > values[3]


def test_it_does_not_follow_contrast_noise_or_plain_parts(photographs: dict[str, Image.Image]) -> None:
    cup = photographs["cup"]
    assert of(ImageEnhance.Contrast(cup).enhance(0.4)) == pytest.approx(of(cup), rel=0.2)
    noise = np.random.default_rng(0).normal(0, 3, (*TRAINED, 3))
    noisy = np.clip(np.asarray(blurred(cup, 3), np.float64) + noise, 0, 255).astype(np.uint8)
    assert of(Image.fromarray(noisy)) < BLURRED
    before_a_soft_wall = blurred(cup, 8)
    before_a_soft_wall.paste(cup.crop((200, 60, 400, 260)), (90, 90))
    assert of(before_a_soft_wall) > BLURRED


def test_small_images_are_blurred_by_being_enlarged(photographs: dict[str, Image.Image]) -> None:
    assert of(photographs["astronaut"].resize((80, 80), Image.Resampling.LANCZOS)) < BLURRED


@pytest.mark.parametrize("size", [(64, 64), (640, 64), (8, 8)])
def test_where_there_are_no_edges_nothing_is_said(size: tuple[int, int]) -> None:
    assert sharpness(np.full((*size, 3), 90, np.uint8)) is None
