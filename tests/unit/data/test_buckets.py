"""The rules of buckets, over all sizes of images and settings."""

from __future__ import annotations

from dataclasses import replace
from math import log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_finetune.data.buckets import bucket_sizes, crop_of, example_sizes, in_shares, trained_size
from sd_finetune.data.cropping import cut_off
from sd_finetune.settings.options import Data

image_sides = st.integers(16, 5000)
images = st.tuples(image_sides, image_sides).filter(lambda size: max(size) <= 10 * min(size))
multiples_of_8 = st.integers(8, 128).map(lambda number: number * 8)


@st.composite
def data_settings(draw: Any, **fixed: Any) -> Data:
    resolution = draw(multiples_of_8)
    least, most = (draw(st.none() | multiples_of_8) for _ in range(2))
    return Data(
        **{
            "resolution": resolution,
            "bucket_step": draw(st.integers(1, 16)) * 8,
            "smallest_side": least and min(least, resolution),
            "largest_side": most and max(most, resolution),
            "upscale": draw(st.booleans()),
            "buckets": draw(st.booleans()),
            **fixed,
        }
    )


@given(data=data_settings())
def test_buckets_have_no_more_pixels_than_the_square_and_sides_by_the_step(data):
    sizes = bucket_sizes(data, data.resolution)
    smallest, largest = data.side_limits(data.resolution)
    assert (data.resolution, data.resolution) in sizes
    assert {(height, width) for width, height in sizes} == set(sizes)
    for width, height in set(sizes) - {(data.resolution, data.resolution)}:
        assert width * height <= data.resolution**2
        assert smallest <= min(width, height)
        assert max(width, height) <= largest
        assert width % data.bucket_step == height % data.bucket_step == 0


@given(image=images, data=data_settings(buckets=True, upscale=True))
def test_an_image_is_in_the_bucket_that_is_nearest_by_proportions(image, data):
    sizes, own = bucket_sizes(data, data.resolution), trained_size(image, data)
    assert own in sizes

    def distance(size):
        return abs(log(size[0] / size[1]) - log(image[0] / image[1]))

    assert distance(own) == pytest.approx(min(map(distance, sizes)))


@given(image=images, data=data_settings())
def test_a_turned_image_is_trained_in_the_turned_size(image, data):
    turned = trained_size((image[1], image[0]), data)
    if image[0] != image[1]:
        assert turned == trained_size(image, data)[::-1]


@given(image=images, data=data_settings(upscale=False))
def test_without_upscaling_no_image_is_enlarged(image, data):
    size = trained_size(image, data)
    assert crop_of(image, data).scale <= 1 + 1e-9
    assert all(side % 8 == 0 and side >= 8 for side in size)
    assert size[0] * size[1] <= data.resolution**2
    usual = trained_size(image, replace(data, upscale=True))
    assert size == usual or usual[0] > image[0] or usual[1] > image[1]


@given(image=images, data=data_settings(buckets=False, upscale=True))
def test_without_buckets_all_are_squares(image, data):
    assert trained_size(image, data) == (data.resolution, data.resolution)


@given(counts=st.dictionaries(images, st.integers(1, 50), min_size=1, max_size=6), amount=st.integers(0, 200))
def test_sizes_in_shares_are_in_them_from_the_first_on(counts, amount):
    chosen, total = in_shares(counts, amount), sum(counts.values())
    assert len(chosen) == amount
    for number in range(amount + 1):
        for size, count in counts.items():
            assert abs(chosen[:number].count(size) - number * count / total) < 1 + len(counts) / 2
    assert in_shares(counts, amount + 7)[:amount] == chosen


def test_the_buckets_of_512_pixels():
    sizes = bucket_sizes(Data(), 512)
    assert [size for size in sizes if size[0] <= size[1]] == [
        (256, 832), (256, 896), (256, 960), (256, 1024), (320, 704), (320, 768), (384, 640), (448, 576), (512, 512)
    ]  # fmt: skip


def test_at_the_largest_side_proportions_stay_and_pixels_are_fewer():
    """As kohya's scripts do with max_bucket_reso."""
    data = Data(resolution=1024, smallest_side=256, largest_side=1024)
    assert [size for size in bucket_sizes(data, 1024) if size[0] <= size[1]] == [
        (side, 1024) for side in range(256, 1025, 64)
    ]
    assert trained_size((1000, 1500), data) == (704, 1024)
    wider = bucket_sizes(replace(data, largest_side=1300), 1024)  # 1280 is the last multiple of the step
    assert {(768, 1280), (256, 1280)} <= set(wider)


def test_a_side_that_is_just_a_multiple_of_the_step_is_not_rounded_to_the_one_before():
    """1714 * (1024 / 1714) is 1023.99 in floating point."""
    assert trained_size((229, 1714), Data(upscale=False)) == (128, 1024)


def test_a_photograph_loses_less_than_in_a_square():
    photograph = (3000, 2000)
    assert trained_size(photograph, Data()) == (640, 384)
    assert cut_off(photograph, crop_of(photograph, Data())) == pytest.approx(0.1)
    assert cut_off(photograph, crop_of(photograph, Data(bucket_step=8))) < 0.01
    assert cut_off(photograph, crop_of(photograph, Data(buckets=False))) == pytest.approx(1 / 3)


def test_each_resolution_has_buckets_of_its_own():
    data = Data(extra_resolutions="768, 512, 256")
    assert data.resolutions() == (512, 768, 256)
    assert example_sizes([(3000, 2000), None], data) == [
        (640, 384), (896, 640), (320, 192), (512, 512), (768, 768), (256, 256)
    ]  # fmt: skip
