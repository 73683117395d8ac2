"""What an error of a prediction costs, value by value."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from .schedule import signal_to_noise_ratio

LossType = Literal["mse", "huber", "smooth_l1"]
HuberSchedule = Literal["constant", "snr", "exponential"]


def cost_of_errors(errors: Tensor, loss_type: LossType, deltas: Tensor | None = None) -> Tensor:
    """e^2, or the pseudo-Huber loss 2 d (sqrt(e^2 + d^2) - d) (arXiv 2403.16728), or that divided by d.

    The factor 2 makes it e^2 where e is far smaller than d, so that learning rates of one suit the other.

    errors: (batch, ...), float32. deltas: d of each sample, (batch,); for mse there are none.
    """
    squared = errors.square()
    if loss_type == "mse":
        return squared
    assert deltas is not None
    delta = deltas.view(-1, *[1] * (errors.dim() - 1))
    smooth_l1 = (
        2 * squared / ((squared + delta.square()).sqrt() + delta)
    )  # = 2 (sqrt(e^2 + d^2) - d), without cancelling
    return delta * smooth_l1 if loss_type == "huber" else smooth_l1


def huber_deltas(timesteps: Tensor, alphas_cumprod: Tensor, delta: float, schedule: HuberSchedule) -> Tensor:
    """d of each sample, (batch,), float32, from 1 at low noise down to `delta` (arXiv 2403.16728).

    exponential: exp(t log(delta) / T), the paper's. snr: (1 - delta) / (1 + sigma)^2 + delta with sigma^2 = 1 / SNR, as
    in diffusers' and kohya's scripts.
    """
    if schedule == "constant":
        return torch.full(timesteps.shape, delta, device=timesteps.device)
    if schedule == "exponential":
        return (timesteps.float() * (math.log(delta) / len(alphas_cumprod))).exp()
    sigma = signal_to_noise_ratio(alphas_cumprod, timesteps).rsqrt()
    return ((1 - delta) / (1 + sigma).square() + delta).float()
