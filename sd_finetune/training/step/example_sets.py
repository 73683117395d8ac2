"""Training or class images with their latents, in an order of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...data.concepts import Example
from ...data.latents import ImageEncoder, LatentSampler, MomentsCache
from ...families.family import DiffusionModel
from ...runs.messages import Event
from ...settings.options import Settings
from ..phases import telling
from .randomness import derived_seed

ENCODING = {"instance": "encoding training images", "class": "encoding class images"}
"""Phase names by role."""


@dataclass(frozen=True)
class ExampleSet:
    """Examples of one role with their latents."""

    examples: Sequence[Example]
    latents: LatentSampler
    order_seed: int

    def draw(self, chosen: int, generator: torch.Generator) -> Tensor:
        """Latents of one example, (4, height/8, width/8), on the CPU."""
        return self.latents.draw([self.examples[chosen].image], generator)[0]


def example_set(
    settings: Settings, model: DiffusionModel, examples: list[Example], role: str, emit: Callable[[Event], None]
) -> ExampleSet:
    """The examples, whose images are encoded now if latents are cached. role: "instance" or "class"."""
    flip = settings.data.horizontal_flip
    encoder = ImageEncoder(model.vae, settings.data.resolution)
    images = [example.image for example in examples]
    moments = (
        MomentsCache(encoder, images, flip, telling(ENCODING[role], emit)) if settings.data.cache_latents else encoder
    )
    order_seed = derived_seed(settings.train.seed, f"{role} order", 0)
    return ExampleSet(examples, LatentSampler(moments, model.scale_factor, flip), order_seed)


def class_example_set(
    settings: Settings,
    model: DiffusionModel,
    examples: list[Example],
    instances: ExampleSet,
    emit: Callable[[Event], None],
) -> ExampleSet:
    """The class examples with their latents; if the images are training images, with those of the instances."""
    known = {example.image for example in instances.examples}
    if all(example.image in known for example in examples):
        return ExampleSet(examples, instances.latents, derived_seed(settings.train.seed, "class order", 0))
    return example_set(settings, model, examples, "class", emit)
