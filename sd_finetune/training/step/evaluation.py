"""The evaluation loss, on fixed images, noise and timesteps: it shows convergence, the training loss does not.

(DVAR, arXiv 2302.04841)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ...data.cropping import Size
from ...families.family import DiffusionModel
from ...settings.options import Loss, Masks, Settings
from .batches import Batch, rows_of_size_ids
from .conditioning import Conditioning
from .example_sets import ExampleSet
from .loss import losses_of
from .randomness import generator_for, normal_noise

MSE = Loss(type="mse")
"""Of whatever is trained with, so that runs can be compared."""


class FixedEvaluation:
    """Mean loss of the same images with the same noise at the same evenly spaced timesteps."""

    def __init__(
        self, model: DiffusionModel, instances: ExampleSet, images: int, timesteps: int, seed: int, masks: Masks
    ) -> None:
        self._model, self._masks, instances = model, masks, instances.as_they_are()
        first_uses = {e.image: i for i, e in reversed(list(enumerate(instances.examples)))}
        chosen = _spread(sorted(first_uses.values()), images)
        of_size: dict[Size, list[int]] = {}
        for index in chosen:
            of_size.setdefault(instances.crops[index].size, []).append(index)
        total = len(model.alphas_cumprod)
        spaced = [int((k + 0.5) * total / timesteps) for k in range(timesteps)]
        masked = masks.source != "none"
        self._batches = [
            batch for indices in of_size.values() for batch in _batches(model, instances, indices, spaced, seed, masked)
        ]

    def prompts(self) -> list[str]:
        """All that it is computed with."""
        return [prompt for batch in self._batches for prompt in batch.prompts]

    @torch.no_grad()
    def loss(self, conditioning: Conditioning, check: Callable[[], None] = lambda: None) -> float:
        """The unweighted mean over all images and timesteps. check: called before each; what it raises ends this."""
        losses: list[Tensor] = []
        for batch in self._batches:
            check()
            told = batch.told(conditioning(batch.prompts))
            losses.append(losses_of(self._model, batch, told, self._masks, MSE))
        return float(torch.cat(losses).mean())


def _batches(
    model: DiffusionModel, instances: ExampleSet, chosen: list[int], timesteps: list[int], seed: int, masked: bool
) -> Iterator[Batch]:
    """A batch of the chosen examples, which are of one size, for each timestep."""
    device = model.unet.device
    draws = [instances.draw(i, generator_for(seed, "evaluation latents", i)) for i in chosen]
    latents, masks = (torch.stack(each).to(device) for each in zip(*(one[:2] for one in draws), strict=True))
    sizes = rows_of_size_ids([one.size_ids for one in draws]).to(device) if model.family.facts.size_ids else None
    shape = tuple(latents.shape[1:])
    for k, timestep in enumerate(timesteps):
        yield Batch(
            latents=latents,
            noise=normal_noise(seed, f"evaluation noise {k}", chosen, shape).to(device),
            timesteps=torch.full((len(chosen),), timestep, device=device),
            prompts=[instances.examples[i].prompt for i in chosen],
            class_rows=0,
            class_examples=[],
            class_numbers=[],
            instance_count=len(chosen),
            class_count=0,
            masks=masks if masked else None,
            size_ids=sizes,
        )


def _spread(indices: list[int], amount: int) -> list[int]:
    """`amount` of the indices, or all if there are fewer, evenly spaced so that every concept has its share."""
    amount = min(amount, len(indices))
    return [indices[k * len(indices) // amount] for k in range(amount)]


def fixed_evaluation(settings: Settings, model: DiffusionModel, instances: ExampleSet) -> FixedEvaluation | None:
    """The evaluation by the settings, None if it is off."""
    wanted = settings.evaluation
    if wanted.every.amount == 0:
        return None
    return FixedEvaluation(model, instances, wanted.images, wanted.timesteps, settings.train.seed, settings.masks)
