"""Resolutions, buckets and crops of kohya's dataset config, as our options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isqrt
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
MOST_OF_SIDES = 4096
"""Of the largest side of buckets."""
LONGEST = 9
"""Digits of a number of pixels."""


def sizes_of(subsets: Sequence[Table], notes: list[str]) -> Iterator[tuple[str, Any]]:
    """Our options by full name. subsets: of training images, each with all that holds for it.

    notes: gets a sentence for what is not taken over.
    """
    sides = list(dict.fromkeys(side for each in subsets if (side := _resolution(each))))
    if sides:
        yield "data.resolution", sides[0]
    if len(sides) > 1:
        if _each_folder_has_all(subsets):
            yield "data.extra_resolutions", ", ".join(map(str, sides[1:]))
        else:
            others = ", ".join(map(str, sides[1:]))
            notes.append(f"resolution differs between datasets: {sides[0]} is used for all of them, and not {others}.")
            sides = sides[:1]
    has_buckets = one_for_all("enable_bucket", "data.buckets", subsets, notes, False) is True
    oblong = [each["resolution"] for each in subsets if _is_oblong(each.get("resolution"))]
    if oblong and not has_buckets:
        notes.append(
            f"resolution = {str(oblong[0])[:60]} without buckets trains every image in that size, which is no option "
            "here: data.buckets is on instead, so that each has the size of about as many pixels that is nearest to "
            "its own proportions."
        )
    yield "data.buckets", has_buckets or bool(oblong)
    if has_buckets:
        yield from _buckets(subsets, sides or [512], notes)
    if one_for_all("random_crop", "data.crop", subsets, notes, False) is True:
        yield "data.crop", "random"
        yield "data.cache_latents", "off"


def one_for_all(name: str, ours: str, subsets: Sequence[Table], notes: list[str], default: Any = None) -> Any:
    """The value of an option that each subset has its own of, and a run here one; a difference is noted.

    default: of a subset that leaves the option out.
    """
    values = [subset.get(name, default) for subset in subsets] or [default]
    if any(value != values[0] for value in values):
        used = "auto" if values[0] is None else str(values[0])[:60] or '""'
        notes.append(f"{name} differs between subsets, and {ours} is one for all: {used} is used.")
    return values[0]


def _buckets(subsets: Sequence[Table], sides: Sequence[int], notes: list[str]) -> Iterator[tuple[str, Any]]:
    """sides: the resolutions of the run."""
    step = one_for_all("bucket_reso_steps", "data.bucket_step", subsets, notes, THEIR_STEP)
    if step not in OUR_STEPS:
        notes.append(
            f"bucket_reso_steps = {str(step)[:60]} is left out: data.bucket_step is {OUR_STEPS[0]} to {OUR_STEPS[-1]}, "
            f"a multiple of {OUR_STEPS.step}, and {THEIR_STEP} is used."
        )
    yield "data.bucket_step", step if step in OUR_STEPS else THEIR_STEP
    no_upscale = one_for_all("bucket_no_upscale", "data.upscale", subsets, notes, False) is True
    yield "data.upscale", not no_upscale
    if no_upscale:
        return  # with it kohya's scripts ignore both limits
    least = _limit("min_bucket_reso", "data.smallest_side", subsets, len(sides) > 1, notes)
    most = _limit("max_bucket_reso", "data.largest_side", subsets, len(sides) > 1, notes)
    if least is not None:
        yield "data.smallest_side", min(_rounded(least), *sides)
    if most is not None:
        yield "data.largest_side", max(_rounded(most, MOST_OF_SIDES), *sides)


def _limit(name: str, ours: str, subsets: Sequence[Table], has_several: bool, notes: list[str]) -> int | None:
    """has_several: whether the run has several resolutions, of which each dataset may limit its own."""
    if has_several and len({str(each.get(name)) for each in subsets}) > 1:
        notes.append(f"{name} differs between datasets, and is left out: {ours} is one for all resolutions.")
        return None
    value = one_for_all(name, ours, subsets, notes)
    return value if type(value) is int else None


def _each_folder_has_all(subsets: Sequence[Table]) -> bool:
    """Whether every folder is in a dataset of each resolution."""
    found: dict[str, set[int | None]] = {}
    for each in subsets:
        found.setdefault(str(each.get("image_dir")), set()).add(_resolution(each))
    return len(set(map(frozenset, found.values()))) == 1


def _resolution(options: Table) -> int | None:
    """The side of the square of as many pixels as the resolution has."""
    sides = _sides(options.get("resolution"))
    if not sides:
        return None
    area = sides[0] * sides[-1]
    if _is_oblong(options.get("resolution")) and options.get("enable_bucket") is not True:
        # Up, so that the one size of there is among the buckets, which have no more pixels than the square.
        return _rounded(isqrt(max(area, 1) - 1) + 8)
    return _rounded(isqrt(area))


def _is_oblong(value: Any) -> bool:
    return len(set(_sides(value))) > 1


def _sides(value: Any) -> list[int]:
    """Of a side, or of width and height, also as a text."""
    listed = cast("list[Any]", value) if isinstance(value, list) else str(value).split(",")
    texts = [str(side).strip() for side in listed]
    return [int(text) for text in texts if text.isdecimal() and len(text) <= LONGEST]


def _rounded(side: int, most: int = MOST) -> int:
    return min(max(side // 8 * 8, LEAST), most)
