"""What the aspect ratio buckets make of a run's images: how many are in each, and what is worth to know of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..counted import counted
from ..settings.options import Data
from .buckets import crop_of
from .cropping import Crop, Size, cut_off

MUCH = 0.2
"""Share of an image; where more is cut off, it is said."""
ENLARGED = 1.005
"""Trained pixels for each pixel of an image; beyond, it is enlarged."""
_NAMED = 3


@dataclass(frozen=True)
class Fit:
    """One image at one resolution. repeats: how often it is used in an epoch."""

    image: Path
    size: Size
    crop: Crop
    repeats: int = 1

    @property
    def cut(self) -> float:
        """The share of the image that is cut off."""
        return cut_off(self.size, self.crop)

    @property
    def is_enlarged(self) -> bool:
        """Whether it has fewer pixels than it is trained with."""
        return self.crop.scale > ENLARGED


@dataclass(frozen=True)
class Bucket:
    """One size that images are trained in. cut: of the image that loses most. examples: with repeats."""

    size: Size
    images: int
    examples: int
    enlarged: int
    cut: float


def fits_of(sizes: Iterable[tuple[Path, Size]], data: Data, repeats: int = 1) -> list[Fit]:
    """What is made of the images of one concept, at each resolution of the run."""
    resolutions = data.resolutions()
    return [Fit(image, size, crop_of(size, data, side), repeats) for image, size in sizes for side in resolutions]


def buckets_of(fits: Iterable[Fit]) -> list[Bucket]:
    """The buckets that have images, from the widest to the tallest."""
    of_size: dict[Size, list[Fit]] = {}
    for fit in fits:
        of_size.setdefault(fit.crop.size, []).append(fit)
    found = [
        Bucket(
            size,
            len(inside),
            sum(fit.repeats for fit in inside),
            sum(fit.is_enlarged for fit in inside),
            max(fit.cut for fit in inside),
        )
        for size, inside in of_size.items()
    ]
    return sorted(found, key=lambda bucket: (-bucket.size[0] / bucket.size[1], -bucket.size[0]))


def bucket_warnings(fits: Sequence[Fit], data: Data, batch_size: int, devices: int = 1) -> list[str]:
    """Sentences about small buckets and images of which much is lost. batch_size: of each device."""
    return [*_small_buckets(buckets_of(fits), batch_size, devices), *_cut(fits, data)]


def _small_buckets(buckets: Sequence[Bucket], batch_size: int, devices: int) -> Iterable[str]:
    small = sorted((bucket.examples, bucket.size) for bucket in buckets if bucket.examples < batch_size * devices)
    if small and len(buckets) > 1:
        named = ", ".join(
            f"{width} x {height} ({counted(count, 'image')})" for count, (width, height) in small[:_NAMED]
        )
        more = f" and {len(small) - _NAMED} more" if len(small) > _NAMED else ""
        asked = f"train.batch_size = {batch_size}" + (f" times train.devices = {devices}" if devices > 1 else "")
        yield (
            f"{counted(len(small), 'bucket has', 'buckets have')} fewer images than {asked}, "
            f"so their batches are smaller: {named}{more}. For fewer buckets, raise data.bucket_step, or crop such "
            "images to the proportions of the others."
        )


def _cut(fits: Sequence[Fit], data: Data) -> Iterable[str]:
    much: dict[Path, float] = {}
    for fit in fits:
        if fit.cut > MUCH:
            much[fit.image] = max(fit.cut, much.get(fit.image, 0))
    if much:
        worst, cut = max(much.items(), key=lambda each: each[1])
        limits = "lower data.bucket_step or data.smallest_side, or raise data.largest_side"
        way_out = limits if data.buckets else "switch data.buckets on"
        yield (
            f"More than {MUCH:.0%} is cut off {counted(len(much), 'image')}, the most, {cut:.0%}, off {worst.name}: "
            f"{way_out}, or crop such images yourself."
        )
