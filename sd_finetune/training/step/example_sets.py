"""Training or class images with their latents, in an order of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ...data.color_jitter import drawn_colors
from ...data.concepts import Example
from ...data.cropping import Crop, Size, SizeIds, crop_to, size_ids
from ...data.image_cache import latents_in, mark
from ...data.latents import ImageEncoder, Moments, MomentsCache, View, draw_latents
from ...data.latents_on_disk import MomentsOnDisk, fingerprint
from ...data.masks import TrainedMasks
from ...data.smart_crop import crop_of_image
from ...data.usable import size_of
from ...families.family import DiffusionModel
from ...runs.messages import Event
from ...settings.options import Data, Settings
from ..phases import telling
from ..processes.processes import ALONE, Processes
from .randomness import derived_seed

ROLES = {"instance": "training", "class": "class", "evaluation": "evaluation"}
ENCODING = {role: f"encoding {called} images" for role, called in ROLES.items()}
CROPPING = {role: f"choosing parts of {called} images" for role, called in ROLES.items()}
"""Phase names by role."""


class Drawn(NamedTuple):
    """One use of an example, on the CPU. latents: (4, height/8, width/8). mask: (1, height/8, width/8), 0 … 1."""

    latents: Tensor
    mask: Tensor
    size_ids: SizeIds


@dataclass(frozen=True)
class ExampleSet:
    """Examples of one role with their latents.

    image_sizes: width and height of each one's image file. crops: what is trained of each. moves: whether each use
    takes another part of the image. flips: whether half of the uses are mirrored. masks: reads those of the examples.
    jitter: of the colors, None without.
    """

    examples: Sequence[Example]
    image_sizes: Sequence[Size]
    crops: Sequence[Crop]
    moments: Moments
    scale_factor: float
    moves: bool
    flips: bool
    order_seed: int
    masks: TrainedMasks
    jitter: Data | None = None

    def as_they_are(self) -> ExampleSet:
        """The same without what each use changes by chance: part, direction and colors of an image."""
        return replace(self, moves=False, flips=False, jitter=None)

    @property
    def sizes(self) -> list[Size]:
        """Width and height in which each example is trained."""
        return [crop.size for crop in self.crops]

    def counts(self) -> Mapping[Size, int]:
        """How many examples there are of each size."""
        return Counter(self.sizes)

    def draw(self, chosen: int, generator: torch.Generator) -> Drawn:
        """One use of an example, with what is drawn of it by chance."""
        image, size, crop = self.examples[chosen].image, self.image_sizes[chosen], self.crops[chosen]
        flipped = self.flips and bool(torch.rand((), generator=generator) < 0.5)
        if self.moves:
            x, y = torch.rand(2, generator=generator)
            crop = crop_to(size, crop.size, (float(x), float(y)))
        colors = drawn_colors(self.jitter, generator) if self.jitter else None
        latents = draw_latents(self.moments(View(image, crop, flipped, colors)), self.scale_factor, generator)
        mask = self._mask(self.examples[chosen], crop, flipped, latents)
        return Drawn(latents, mask, size_ids(size, crop, flipped))

    def _mask(self, example: Example, crop: Crop, flipped: bool, latents: Tensor) -> Tensor:
        if example.mask is None:
            return torch.ones(1, *latents.shape[1:])
        mask = torch.tensor(self.masks.of(example.image, example.mask, crop)) / 255
        return (mask.flip(-1) if flipped else mask)[None]


def example_set(
    settings: Settings,
    model: DiffusionModel,
    examples: list[Example],
    role: str,
    cache: Path,
    emit: Callable[[Event], None],
    processes: Processes = ALONE,
) -> ExampleSet:
    """The examples, whose images are encoded now if latents are cached. role: one of ROLES.

    Training images are examples at each of the run's resolutions, and the only ones whose colors change. cache: the
    folder of latents on the disk. processes: those that share this.
    """
    data = settings.data
    resolutions = data.resolutions() if role == "instance" else [data.side]
    shown = [(example, side) for example in examples for side in resolutions]
    crops = _crops([(example.image, side) for example, side in shown], data, telling(CROPPING[role], emit))
    examples = [example for example, _ in shown]
    views = _views(examples, crops, data)
    moments = _moments(model, views, data, cache, telling(ENCODING[role], emit), processes)
    order_seed = derived_seed(settings.train.seed, f"{role} order", 0)
    return ExampleSet(
        examples=examples,
        image_sizes=_image_sizes(examples),
        crops=crops,
        moments=moments,
        scale_factor=model.scale_factor,
        moves=data.crop == "random",
        flips=data.horizontal_flip,
        order_seed=order_seed,
        masks=TrainedMasks(),
        jitter=data if role == "instance" and data.jitters() else None,
    )


def class_example_set(
    settings: Settings,
    model: DiffusionModel,
    examples: list[Example],
    instances: ExampleSet,
    cache: Path,
    emit: Callable[[Event], None],
    processes: Processes = ALONE,
) -> ExampleSet:
    """The class examples with their latents; if the images are training images, with those of the instances.

    cache, processes: as in `example_set`.
    """
    known = {example.image for example in instances.examples}
    if any(example.image not in known for example in examples):
        return example_set(settings, model, examples, "class", cache, emit, processes)
    crops = _crops([(example.image, settings.data.side) for example in examples], settings.data)
    order_seed = derived_seed(settings.train.seed, "class order", 0)
    sizes = _image_sizes(examples)
    return replace(instances, examples=examples, image_sizes=sizes, crops=crops, order_seed=order_seed, jitter=None)


def _moments(
    model: DiffusionModel,
    views: Iterator[View],
    data: Data,
    cache: Path,
    report: Callable[[int, int], None],
    processes: Processes,
) -> Moments:
    """The latents' distributions as the settings ask for them: kept, or made at each use."""
    encoder = ImageEncoder(model.vae)
    if data.cache_latents == "ram":
        return MomentsCache(encoder, views, report, processes.each)
    if data.cache_latents == "disk":
        mark(cache)
        made_with = fingerprint(model.vae)
        on_disk = MomentsOnDisk(encoder, views, latents_in(cache), made_with, report, processes.share)
        processes.wait()
        return on_disk
    return encoder


def _crops(
    shown: Sequence[tuple[Path, int]], data: Data, progress: Callable[[int, int], None] | None = None
) -> list[Crop]:
    """What is trained of each image at its resolution; found once, however often they are shown."""
    crops: dict[tuple[Path, int], Crop] = {}
    distinct = dict.fromkeys(shown)
    for image, side in distinct:
        crops[image, side] = crop_of_image(image, data, side)
        if progress and data.crop == "smart":  # which reads the image
            progress(len(crops), len(distinct))
    return [crops[each] for each in shown]


def _image_sizes(examples: Sequence[Example]) -> list[Size]:
    sizes = {image: size_of(image) for image in dict.fromkeys(example.image for example in examples)}
    return [sizes[example.image] for example in examples]


def _views(examples: Sequence[Example], crops: Sequence[Crop], data: Data) -> Iterator[View]:
    """All that are drawn from."""
    for example, crop in zip(examples, crops, strict=True):
        for flipped in (False, True) if data.horizontal_flip else (False,):
            yield View(example.image, crop, flipped)
