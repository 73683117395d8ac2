"""From clean latents to the UNet's input and target (arXiv 2006.11239, 2202.00512)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

PredictionType = Literal["epsilon", "v_prediction"]


def add_noise(latents: Tensor, noise: Tensor, timesteps: Tensor, alphas_cumprod: Tensor) -> Tensor:
    """z_t = sqrt(abar_t) z + sqrt(1 - abar_t) eps (arXiv 2006.11239, equation 4).

    latents, noise: (batch, channels, height, width); timesteps: (batch,); alphas_cumprod: (all timesteps,).
    """
    signal, spread = _signal_and_spread(latents, timesteps, alphas_cumprod)
    return signal * latents + spread * noise


def training_target(
    latents: Tensor, noise: Tensor, timesteps: Tensor, alphas_cumprod: Tensor, prediction_type: PredictionType
) -> Tensor:
    """What the UNet should predict: eps, or v = sqrt(abar_t) eps - sqrt(1 - abar_t) z (arXiv 2202.00512, section 4)."""
    if prediction_type == "epsilon":
        return noise
    signal, spread = _signal_and_spread(latents, timesteps, alphas_cumprod)
    return signal * noise - spread * latents


def with_prior_targets(target: Tensor, predictions: Tensor) -> Tensor:
    """The target with the untrained model's predictions as the targets of class samples.

    target: (batch, channels, height, width); predictions: one for each class sample, which come last.
    """
    return torch.cat([target[: len(target) - len(predictions)], predictions.to(target.dtype)])


def with_offset(noise: Tensor, offsets: Tensor, strength: float) -> Tensor:
    """Noise with one random constant added per image and channel ("offset noise", Cross Labs).

    noise: (batch, channels, height, width); offsets: (batch, channels), standard normal.
    """
    return noise if strength == 0 else noise + strength * offsets[:, :, None, None]


def perturbed(noise: Tensor, perturbation: Tensor, strength: float) -> Tensor:
    """eps + gamma xi, for noisy latents whose target stays eps (input perturbation, arXiv 2301.11706).

    noise, perturbation: xi, (batch, channels, height, width), standard normal; strength: gamma.
    """
    return noise + strength * perturbation


def with_pyramid(noise: Tensor, layers: Sequence[Tensor], discount: float) -> Tensor:
    """Multires noise (Whitaker, "Multi-Resolution Noise for Diffusion Model Training", 2023) of one example.

    noise + sum over k of discount^k times the k-th layer, enlarged, divided by its standard deviation.

    noise: (channels, height, width); layers: (channels, any height, any width) each, standard normal.
    """
    total = noise
    for k, layer in enumerate(layers):
        total = total + discount**k * interpolate(layer[None], noise.shape[1:], mode="bilinear")[0]
    return total / total.std() if layers else noise


def _signal_and_spread(latents: Tensor, timesteps: Tensor, alphas_cumprod: Tensor) -> tuple[Tensor, Tensor]:
    """sqrt(abar_t) and sqrt(1 - abar_t) as (batch, 1, 1, 1), in the latents' type."""
    chosen = alphas_cumprod[timesteps]
    signal, spread = chosen.sqrt().to(latents.dtype), (1 - chosen).sqrt().to(latents.dtype)
    return signal[:, None, None, None], spread[:, None, None, None]
