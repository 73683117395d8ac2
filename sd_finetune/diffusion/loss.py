"""The training loss: a mean per image first, perhaps of a part of it, then weights, then the parts of the total."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Cost = Callable[[Tensor], Tensor]
"""What errors cost, value by value."""

LEAST_AREA = 1e-4
"""Of a mask that a loss is divided by, as a share of the image; what is left of less has next to no loss."""


class LossParts(NamedTuple):
    """The total and its two parts, each a scalar; `prior` is zero without class images."""

    total: Tensor
    instance: Tensor
    prior: Tensor


def loss_per_sample(
    predicted: Tensor,
    target: Tensor,
    weights: Tensor | None = None,
    normalize: bool = False,
    cost: Cost = torch.square,
) -> Tensor:
    """Mean squared error of each image, (batch,), in float32: sum(w e^2) / n, or with `normalize` / sum(w).

    cost: what stands in place of e^2.

    The masked diffusion loss of Break-A-Scene (arXiv 2305.16311, section 3.2), where w is a mask; n is the number of
    values in the latents, sum(w) counts w once for each channel.

    weights: w of each place, (batch, 1, height, width), 0 … 1. An image without any has no loss.
    """
    costs = cost(predicted.float() - target.float())
    if weights is None:
        return costs.mean(dim=(1, 2, 3))
    weighted = (weights * costs).mean(dim=(1, 2, 3))
    return weighted / weights.mean(dim=(1, 2, 3)).clamp(min=LEAST_AREA) if normalize else weighted


def weights_of_mask(mask: Tensor, outside_weight: float) -> Tensor:
    """w = m + u (1 - m), of a mask m from 0 to 1 and the weight u of what is outside."""
    return mask + outside_weight * (1 - mask)


def held_outside(
    predicted: Tensor, untrained: Tensor, mask: Tensor, normalize: bool, cost: Cost = torch.square
) -> Tensor:
    """The prior outside of masks, (batch,): the loss to the untrained model's predictions with the weights 1 - m."""
    return loss_per_sample(predicted, untrained, 1 - mask, normalize, cost)


def decayed_prior_weight(step: int, length: int, weight: float, least: float) -> float:
    """The prior loss weight of a step, counted from 0: evenly from `weight` to `least` in `length` steps, then `least`.

    The Dreambooth extension's `current_prior_loss`, which counts epochs.
    """
    share = min(step / length, 1.0)
    return weight * (1 - share) + least * share


def combine_with_prior(
    losses: Tensor, class_rows: int, prior_loss_weight: float | Tensor, instance_count: int, class_count: int
) -> LossParts:
    """mean(instance) + lambda * mean(class) (DreamBooth, arXiv 2208.12242, equation 2).

    losses: (batch,), weighted per sample, of which the last `class_rows` are of class samples. The counts are those of
    the whole optimizer step, so that the parts of its batches add up to the step's means however it is split. No
    samples, no part: zero.
    """
    first_class_row = len(losses) - class_rows
    instance = losses[:first_class_row].sum() / max(instance_count, 1)
    prior = losses[first_class_row:].sum() / max(class_count, 1)
    return LossParts(instance + prior_loss_weight * prior, instance, prior)
