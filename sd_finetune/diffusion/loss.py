"""The training loss: a mean per image first, then weights, then the parts of the total."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from .noising import PredictionType
from .schedule import signal_to_noise_ratio


class LossParts(NamedTuple):
    """The total and its two parts, each a scalar; `prior` is zero without class images."""

    total: Tensor
    instance: Tensor
    prior: Tensor


def loss_per_sample(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of each image, (batch,), in float32."""
    return (predicted.float() - target.float()).square().mean(dim=(1, 2, 3))


def min_snr_weights(
    timesteps: Tensor, alphas_cumprod: Tensor, snr_gamma: float, prediction_type: PredictionType
) -> Tensor:
    """Min-SNR-gamma weights, (batch,) (arXiv 2303.09556, section 3.4).

    min(SNR, gamma) / SNR for epsilon, min(SNR, gamma) / (SNR + 1) for v.
    """
    snr = signal_to_noise_ratio(alphas_cumprod, timesteps).float()
    divisor = snr if prediction_type == "epsilon" else snr + 1
    return snr.clamp(max=snr_gamma) / divisor


def combine_with_prior(
    losses: Tensor, class_rows: int, prior_loss_weight: float, instance_count: int, class_count: int
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
