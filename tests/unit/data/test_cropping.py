from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sd_finetune.data.cropping import crop_to, cut_off, size_ids
from sd_finetune.data.images import fit_image

sides = st.integers(1, 90)
places = st.floats(0, 1)


def fitted(image: Image.Image, width: int, height: int) -> np.ndarray:
    return fit_image(image, crop_to(image.size, (width, height)))


@given(image=st.tuples(sides, sides), size=st.tuples(sides, sides), place=st.tuples(places, places))
def test_a_crop_is_inside_the_image_undistorted_and_as_large_as_can_be(image, size, place):
    crop = crop_to(image, size, place)
    left, top, right, bottom = crop.box
    assert 0 <= left < right <= image[0] + 1e-9
    assert 0 <= top < bottom <= image[1] + 1e-9
    assert size[0] / (right - left) == pytest.approx(size[1] / (bottom - top))
    assert right - left == pytest.approx(image[0]) or bottom - top == pytest.approx(image[1])
    assert crop.scale == pytest.approx(max(size[0] / image[0], size[1] / image[1]))


def test_what_is_cut_off_and_where():
    crop = crop_to((300, 100), (64, 64))
    assert crop.box == (100, 0, 200, 100)
    assert cut_off((300, 100), crop) == pytest.approx(2 / 3)
    assert crop_to((300, 100), (64, 64), (0, 0.7)).box == (0, 0, 100, 100)
    assert crop_to((100, 300), (64, 64), (0.7, 1)).box == (0, 200, 100, 300)
    assert cut_off((640, 384), crop_to((640, 384), (320, 192))) == pytest.approx(0)


def test_size_ids_are_those_of_the_file_and_of_the_scaled_image():
    """Height before width, as in SDXL's paper; a mirrored image has its other side cropped."""
    assert size_ids((1024, 1024), crop_to((1024, 1024), (1024, 1024))) == (1024, 1024, 0, 0, 1024, 1024)
    wide = crop_to((3000, 1000), (512, 512), (0.25, 0.5))  # scaled to 1536 x 512
    assert size_ids((3000, 1000), wide) == (1000, 3000, 0, 256, 512, 512)
    assert size_ids((3000, 1000), wide, flipped=True) == (1000, 3000, 0, 768, 512, 512)
    small = crop_to((100, 300), (832, 1216), (0.5, 1))  # enlarged to 832 x 2496
    assert size_ids((100, 300), small) == size_ids((100, 300), small, flipped=True) == (300, 100, 1280, 0, 1216, 832)


@settings(max_examples=60, deadline=None)
@given(image=st.tuples(sides, sides), size=st.tuples(st.integers(1, 64), st.integers(1, 64)), seed=st.integers(0, 99))
def test_a_fitted_image_has_its_size_and_mirrors_with_its_image(image, size, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (image[1], image[0], 3), dtype=np.uint8)
    made = fitted(Image.fromarray(pixels), *size)
    assert made.shape == (size[1], size[0], 3)
    assert made.dtype == np.uint8
    # A crop off the middle, or one that is stretched to one side, would show here.
    mirrored = fitted(Image.fromarray(pixels[::-1, ::-1]), *size)[::-1, ::-1]
    assert np.abs(mirrored.astype(int) - made).max() <= 1


@settings(max_examples=40, deadline=None)
@given(side=st.integers(1, 40), extra=st.integers(0, 20), tall=st.booleans(), seed=st.integers(0, 2**16))
def test_an_image_of_its_own_size_is_the_middle_to_the_bit(side, extra, tall, seed):
    shape = (side + 2 * extra, side, 3) if tall else (side, side + 2 * extra, 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    middle = pixels[extra : extra + side] if tall else pixels[:, extra : extra + side]
    np.testing.assert_array_equal(fitted(Image.fromarray(pixels), side, side), middle)


@settings(max_examples=40, deadline=None)
@given(factor=st.sampled_from([0.25, 0.5, 2, 3]), half=st.integers(2, 16), extra=st.integers(0, 12))
def test_fitting_equals_lanczos_on_the_whole_image_then_a_crop(factor, half, extra):
    resolution, margin = 2 * half, extra
    pixels = np.random.default_rng(half).integers(0, 256, (int(8 * half), int(8 * (half + extra)), 3), dtype=np.uint8)
    source = Image.fromarray(pixels).resize((int(8 * (half + extra) * factor), int(8 * half * factor)))
    whole = source.resize((resolution + 2 * margin, resolution), Image.Resampling.LANCZOS)
    crop = np.asarray(whole)[:, margin : margin + resolution].astype(int)
    assert np.abs(fitted(source, resolution, resolution) - crop).max() <= 1


@pytest.mark.parametrize("name", ["cat", "cup", "rocket"])
def test_a_photograph_keeps_its_proportions(photographs, name):
    photograph = photographs[name]
    side = min(photograph.size)
    left = (photograph.width - side) // 2
    middle = photograph.crop((left, 0, left + side, side))
    expected = np.asarray(middle.resize((64, 64), Image.Resampling.BOX)).astype(int)
    assert np.abs(fitted(photograph, 64, 64) - expected).mean() < 5
    squashed = np.asarray(photograph.resize((64, 64), Image.Resampling.BOX)).astype(int)
    assert np.abs(fitted(photograph, 64, 64) - squashed).mean() > 8
