"""The loss over fixed pictures, noise and timesteps, which shows convergence where the training loss does not.

(DVAR, arXiv 2302.04841)
"""

from __future__ import annotations

import torch

from ...families.parts import ModelParts
from .batches import Batch, ExampleSet
from .conditioning import Conditioning
from .loss import losses_of
from .randomness import generator_for, normal_noise


class FixedEvaluation:
    """Mean loss of the same pictures under the same noise at evenly spread timesteps, each time it is asked."""

    def __init__(self, parts: ModelParts, instances: ExampleSet, pictures: int, draws: int, seed: int) -> None:
        self._parts = parts
        first_showings = {e.picture: i for i, e in reversed(list(enumerate(instances.examples)))}
        chosen = _spread(sorted(first_showings.values()), pictures)
        latents = torch.stack([instances.draw(i, generator_for(seed, "evaluation latents", i)) for i in chosen])
        total = len(parts.alphas_cumprod)
        timesteps = [int((k + 0.5) * total / draws) for k in range(draws)]
        self._batches = [
            Batch(
                latents=latents.to(parts.unet.device),
                noise=normal_noise(seed, f"evaluation noise {k}", chosen, tuple(latents.shape[1:])).to(
                    parts.unet.device
                ),
                timesteps=torch.full((len(chosen),), timestep, device=parts.unet.device),
                prompts=[instances.examples[i].prompt for i in chosen],
                is_class=torch.zeros(len(chosen), dtype=torch.bool, device=parts.unet.device),
                class_examples=[],
                class_numbers=[],
                instance_count=len(chosen),
                class_count=0,
            )
            for k, timestep in enumerate(timesteps)
        ]

    @torch.no_grad()
    def loss(self, conditioning: Conditioning) -> float:
        """The unweighted mean over all pictures and timesteps."""
        losses = [losses_of(self._parts, b, conditioning(b.prompts), snr_gamma=0).mean() for b in self._batches]
        return float(torch.stack(losses).mean())


def _spread(indices: list[int], amount: int) -> list[int]:
    """`amount` of the indices, or all if there are fewer, evenly spread so that every concept has its share."""
    amount = min(amount, len(indices))
    return [indices[k * len(indices) // amount] for k in range(amount)]
