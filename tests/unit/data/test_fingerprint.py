"""Copies are found whatever was done to them, and other images are not taken for copies."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from sd_finetune.data.fingerprint import Fingerprint, fingerprint, groups_of_alike, pairs_alike
from sd_finetune.demo.world import draw_scene, random_scene


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def without_edge(image: Image.Image, share: float) -> Image.Image:
    width, height = image.size
    return image.crop((int(width * share), int(height * share), int(width * (1 - share)), int(height * (1 - share))))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half as large": lambda image: image.resize((image.width // 2, image.height // 2)),
    "a thumbnail": lambda image: image.resize((96, 64)),
    "a bad JPEG": lambda image: as_jpeg(image, 30),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "of less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.8),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(3)),
    "cropped a little": lambda image: without_edge(image, 0.015),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_look_alike(name: str, photographs: dict[str, Image.Image]) -> None:
    originals = [fingerprint(image) for image in photographs.values()]
    copies = [fingerprint(COPIES[name](image)) for image in photographs.values()]
    assert list(pairs_alike(originals, copies)) == [(place, place) for place in range(len(photographs))]


def test_groups(photographs: dict[str, Image.Image]) -> None:
    cat, cup, rocket = (photographs[name] for name in ("cat", "cup", "rocket"))
    shown = [cup, cat, as_jpeg(cat, 50), rocket, COPIES["half as large"](cat), cup, cup.rotate(180)]
    assert groups_of_alike([fingerprint(image) for image in shown]) == [[0, 5], [1, 2, 4]]
    assert groups_of_alike([]) == []


def test_plain_colors_are_told_apart_by_their_color() -> None:
    kinds = (((64, 48), "red"), ((64, 64), "red"), ((64, 48), "blue"))
    shown = [Image.new("RGB", size, color) for size, color in kinds]
    assert groups_of_alike([fingerprint(image) for image in shown]) == [[0, 1]]


def test_plain_drawings_are_seldom_taken_for_copies() -> None:
    """Their hashes alone are: 12 % of these pairs differ in no more bits than copies do."""
    rng = np.random.default_rng(0)
    drawn = [fingerprint(draw_scene(random_scene(rng))) for _ in range(100)]
    pairs = sum(one < other for one, other in pairs_alike(drawn, drawn))
    assert pairs <= 0.002 * len(list(combinations(drawn, 2)))


def test_ten_thousand_are_compared_quickly() -> None:
    rng = np.random.default_rng(1)
    signs = np.where(rng.random((10_000, 64)) < 0.5, 1, -1).astype(np.int8)
    thumbnail = np.zeros((256, 3), np.uint8)
    start = time.monotonic()
    found = groups_of_alike([Fingerprint(each, thumbnail) for each in signs])
    assert len(found) < 5, "some hashes are near by chance"
    assert time.monotonic() - start < 20
