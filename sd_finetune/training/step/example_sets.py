"""Training or class images with their latents, in an order of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...data.concepts import Example
from ...data.latents import LatentSampler, MomentsCache, PictureEncoder
from ...families.family import DiffusionModel
from ...runs.messages import Event, Phase
from ...settings.options import Settings
from .randomness import derived_seed


@dataclass(frozen=True)
class ExampleSet:
    """Examples of one role with their latents."""

    examples: Sequence[Example]
    latents: LatentSampler
    order_seed: int

    def draw(self, chosen: int, generator: torch.Generator) -> Tensor:
        """Latents of one example, (4, height/8, width/8), on the CPU."""
        return self.latents.draw([self.examples[chosen].picture], generator)[0]


def example_set(
    settings: Settings, model: DiffusionModel, examples: list[Example], role: str, tell: Callable[[Event], None]
) -> ExampleSet:
    """The examples, encoded now if the settings ask for that. role: "instance" or "class"."""

    def report(done: int, total: int) -> None:
        tell(Phase(name=f"caching {role} pictures", done=done, total=total))

    flip = settings.data.horizontal_flip
    encoder = PictureEncoder(model.vae, settings.data.resolution)
    pictures = [example.picture for example in examples]
    moments = MomentsCache(encoder, pictures, flip, report) if settings.data.cache_latents else encoder
    order_seed = derived_seed(settings.train.seed, f"{role} order", 0)
    return ExampleSet(examples, LatentSampler(moments, model.scale_factor, flip), order_seed)


def class_example_set(
    settings: Settings,
    model: DiffusionModel,
    examples: list[Example],
    instances: ExampleSet,
    tell: Callable[[Event], None],
) -> ExampleSet:
    """The class examples with their latents, which are the instances' where the images are."""
    known = {example.picture for example in instances.examples}
    if all(example.picture in known for example in examples):
        return ExampleSet(examples, instances.latents, derived_seed(settings.train.seed, "class order", 0))
    return example_set(settings, model, examples, "class", tell)
