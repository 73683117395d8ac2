"""Resolutions, buckets and crops of kohya's dataset config, as our options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

Table = Mapping[str, Any]

NAMES = frozenset({
    "resolution", "enable_bucket", "min_bucket_reso", "max_bucket_reso", "bucket_reso_steps", "bucket_no_upscale",
    "random_crop",
})  # fmt: skip
"""The options that `sizes_of` reads."""
THEIR_STEP, OUR_STEPS = 64, range(8, 129, 8)
LEAST, MOST = 64, 2048
"""Of a resolution."""


def sizes_of(subsets: Sequence[Table], notes: list[str]) -> Iterator[tuple[str, Any]]:
    """Our options by full name. subsets: of training images, each with all that holds for it.

    notes: gets a sentence for what is not taken over.
    """
    first: Table = subsets[0] if subsets else {}
    sides = list(dict.fromkeys(side for each in subsets if (side := _resolution(each.get("resolution")))))
    if sides:
        yield "data.resolution", sides[0]
    if len(sides) > 1:
        if _each_folder_has_all(subsets):
            yield "data.extra_resolutions", ", ".join(map(str, sides[1:]))
        else:
            others = ", ".join(map(str, sides[1:]))
            notes.append(f"resolution differs between datasets: {sides[0]} is used for all of them, and not {others}.")
    has_buckets = first.get("enable_bucket") is True
    yield "data.buckets", has_buckets
    if has_buckets:
        yield from _buckets(first, sides[0] if sides else 512)
    if first.get("random_crop") is True:
        yield "data.crop", "random"
        yield "data.cache_latents", "off"


def _buckets(options: Table, side: int) -> Iterator[tuple[str, Any]]:
    step = options.get("bucket_reso_steps", THEIR_STEP)
    yield "data.bucket_step", step if step in OUR_STEPS else THEIR_STEP
    least, most = options.get("min_bucket_reso"), options.get("max_bucket_reso")
    if type(least) is int:
        yield "data.smallest_side", min(_rounded(least), side)
    if type(most) is int:
        yield "data.largest_side", max(_rounded(most), side)
    yield "data.upscale", options.get("bucket_no_upscale") is not True


def _each_folder_has_all(subsets: Sequence[Table]) -> bool:
    """Whether every folder is in a dataset of each resolution."""
    found: dict[str, set[int | None]] = {}
    for each in subsets:
        found.setdefault(str(each.get("image_dir")), set()).add(_resolution(each.get("resolution")))
    return len(set(map(frozenset, found.values()))) == 1


def _resolution(value: Any) -> int | None:
    """Of a side, or of width and height, also as a text: the side of the square of as many pixels."""
    listed = cast("list[Any]", value) if isinstance(value, list) else str(value).split(",")
    sides = [int(str(side)) for side in listed if str(side).strip().isdecimal()]
    if not sides:
        return None
    return _rounded(int((sides[0] * sides[-1]) ** 0.5))


def _rounded(side: int) -> int:
    return min(max(side // 8 * 8, LEAST), MOST)
