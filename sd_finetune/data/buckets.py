"""Aspect buckets: the sizes that images are trained in, and which of them is an image's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import isqrt, log

from ..settings.options import Data
from .cropping import Crop, Size, crop_to

MULTIPLE = 8
"""Of every trained side: the VAE makes one latent of so many pixels."""


def trained_size(image: Size, data: Data, resolution: int | None = None) -> Size:
    """The size in which an image of `image` pixels is trained, at data.resolution or another one."""
    asked = resolution or data.side
    return _trained_size(image, data, asked)


def crop_of(image: Size, data: Data, resolution: int | None = None) -> Crop:
    """What is trained of an image of `image` pixels where it is cropped to its middle."""
    return crop_to(image, trained_size(image, data, resolution))


def example_sizes(images: Iterable[Size | None], data: Data) -> list[Size]:
    """The sizes of the examples that images are, one at each resolution; None: not read yet, taken for a square."""
    return [trained_size(image or (side, side), data, side) for image in images for side in data.resolutions()]


def in_shares(counts: Mapping[Size, int], amount: int) -> list[Size]:
    """`amount` sizes in the shares that they have in `counts`, and so have the first of them, however many."""
    total, given = sum(counts.values()), dict.fromkeys(sorted(counts), 0)
    chosen: list[Size] = []
    for number in range(1, amount + 1):
        size = max(given, key=lambda each: number * counts[each] / total - given[each])
        given[size] += 1
        chosen.append(size)
    return chosen


@lru_cache(maxsize=4096)
def _trained_size(image: Size, data: Data, resolution: int) -> Size:
    sizes = bucket_sizes(data, resolution) if data.buckets else ((resolution, resolution),)
    size = _nearest(image, sizes)
    enlarged = size[0] > image[0] or size[1] > image[1]
    return size if data.upscale or not enlarged else _own_size(image, size, data)


def bucket_sizes(data: Data, resolution: int) -> tuple[Size, ...]:
    """All sizes at a resolution: the square of it, and others of no more pixels.

    Their sides are multiples of `data.bucket_step`, from the smallest to the largest side. Proportions that would need
    a longer side have the largest one and fewer pixels, as in kohya's scripts.
    """
    step, area = data.bucket_step, resolution**2
    smallest, largest = data.side_limits(resolution)
    least, most = _multiple_above(smallest, step), largest // step * step
    longest = range(_multiple_above(resolution, step), most + 1, step)
    found = [(longer, area // longer // step * step) for longer in longest]
    found += [(most, shorter) for shorter in range(least, most, step) if shorter * most < area]
    wide = [(longer, shorter) for longer, shorter in found if smallest <= shorter < longer]
    tall = [(shorter, longer) for longer, shorter in wide]
    return tuple(sorted({(resolution, resolution), *wide, *tall}))


def _multiple_above(side: int, step: int) -> int:
    return -(-side // step) * step


def _nearest(image: Size, sizes: tuple[Size, ...]) -> Size:
    """The one that is nearest by proportions; the one of more pixels where two are as near."""
    proportions = log(image[0] / image[1])
    return min(sizes, key=lambda size: (abs(log(size[0] / size[1]) - proportions), -size[0] * size[1], size))


def _own_size(image: Size, size: Size, data: Data) -> Size:
    """For an image that is not to be enlarged: no side is longer than the image's, or than the bucket's."""
    if not data.buckets:
        side = _rounded_down(min(*image, *size), MULTIPLE)
        return side, side
    width, height = (_rounded_down(_scaled(side, image, size), data.bucket_step) for side in image)
    return width, height


def _scaled(side: int, image: Size, size: Size) -> int:
    """A side of an image with no more pixels and no longer sides than `size`; in whole numbers, as a float may be off
    by one and that by a step."""
    of_area = isqrt(side * side * size[0] * size[1] // (image[0] * image[1]))
    return min(side, of_area, side * max(size) // max(image))


def _rounded_down(side: int, step: int) -> int:
    """To a multiple of the step; what is shorter than it, to a multiple of 8."""
    return max(side // step * step, min(side, step) // MULTIPLE * MULTIPLE, MULTIPLE)
