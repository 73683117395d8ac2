"""Rules of the sizes in which images are trained."""

from __future__ import annotations

from collections.abc import Iterator

from .faults import Broken
from .options import Settings

LEAST, MOST, MULTIPLE = 64, 2048, 8
"""Of every resolution."""


def extra_resolutions(settings: Settings) -> Iterator[Broken]:
    name, text = "data.extra_resolutions", settings.data.extra_resolutions
    try:
        found = settings.data.resolutions()
    except ValueError:
        yield (name,), f'{name} = "{text}" is not valid: use whole numbers, like "768, 1024".'
        return
    for side in found[1:]:
        if not LEAST <= side <= MOST or side % MULTIPLE:
            rule = f"use numbers from {LEAST} to {MOST}, multiples of {MULTIPLE}"
            yield (name,), f'{name} = "{text}" has {side}, which is out of range: {rule}.'


def bucket_sides(settings: Settings) -> Iterator[Broken]:
    data = settings.data
    if not data.buckets:
        return
    for name, side, above in (("smallest_side", data.smallest_side, True), ("largest_side", data.largest_side, False)):
        if side is not None and (side > data.resolution if above else side < data.resolution):
            is_wrong = f"is {'above' if above else 'below'} data.resolution = {data.resolution}"
            way_out = f"set it to {data.resolution} or {'less' if above else 'more'}, or to auto"
            yield (f"data.{name}", "data.resolution"), f"data.{name} = {side} {is_wrong}: {way_out}."


def random_crop(settings: Settings) -> Iterator[Broken]:
    if settings.data.crop == "random" and settings.data.cache_latents:
        sentence = 'data.crop = "random" takes another part of an image at each use, and cached latents are of one'
        yield ("data.crop", "data.cache_latents"), f"{sentence}: set data.cache_latents to false, or crop to center."
