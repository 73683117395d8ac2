"""Rules of the sizes in which images are trained, and of what changes them at each use."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .faults import Broken
from .options import Data, Settings

LEAST, MOST, MULTIPLE = 64, 2048, 8
"""Of every resolution."""
MOST_EXTRA = 16
"""Resolutions beside the usual one: every image is trained, and its size looked for, at each of them."""


def extra_resolutions(settings: Settings) -> Iterator[Broken]:
    name, text = "data.extra_resolutions", settings.data.extra_resolutions
    try:
        found = settings.data.resolutions()
    except ValueError:
        yield (name,), f'{name} = "{text}" is not valid: use whole numbers, like "768, 1024".'
        return
    if len(found) - 1 > MOST_EXTRA:
        yield (name,), f"{name} has {len(found) - 1} resolutions: use at most {MOST_EXTRA}."
    for side in found[1:]:
        if not LEAST <= side <= MOST or side % MULTIPLE:
            rule = f"use numbers from {LEAST} to {MOST}, multiples of {MULTIPLE}"
            yield (name,), f'{name} = "{text}" has {side}, which is out of range: {rule}.'


def bucket_sides(settings: Settings) -> Iterator[Broken]:
    data = settings.data
    if not data.buckets or data.resolution is None:
        return
    for name, side, above in (("smallest_side", data.smallest_side, True), ("largest_side", data.largest_side, False)):
        if side is not None and (side > data.resolution if above else side < data.resolution):
            is_wrong = f"is {'above' if above else 'below'} data.resolution = {data.resolution}"
            way_out = f"set it to {data.resolution} or {'less' if above else 'more'}, or to auto"
            yield (f"data.{name}", "data.resolution"), f"data.{name} = {side} {is_wrong}: {way_out}."


def changing_images(settings: Settings) -> Iterator[Broken]:
    changes, cached = settings.data.changes_at_each_use(), settings.data.cache_latents
    if not changes or not settings.data.latents_are_cached():
        return
    asked = " and ".join(f"data.{name} = {json.dumps(value)}" for name, value in changes.items())
    plain = " and ".join(f"data.{name} = {json.dumps(getattr(Data(), name))}" for name in changes)
    verb = "changes" if len(changes) == 1 else "change"
    problem = f'{asked} {verb} an image at each use, and data.cache_latents = "{cached}" encodes it once'
    names = (*(f"data.{name}" for name in changes), "data.cache_latents")
    yield names, f'{problem}: set data.cache_latents = "off", or {plain}.'
