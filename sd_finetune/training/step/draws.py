"""Noise and timesteps of examples as the settings ask for them, by the examples' numbers.

role: "instance" or "class", which have streams of their own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...diffusion.noising import perturbed, with_offset, with_pyramid
from ...settings.groups.timesteps import MOST
from ...settings.options import Settings
from .randomness import (
    logit_normal_timesteps,
    low_noise_timesteps,
    normal_noise,
    pyramid_layers,
    uniform_timesteps,
)


def drawn_noise(settings: Settings, role: str, numbers: Sequence[int], shape: tuple[int, ...]) -> Tensor:
    """The noise that is to be predicted, (numbers, *shape), float32, on the CPU."""
    train = settings.train
    noise = normal_noise(train.seed, f"{role} noise", numbers, shape)
    if train.noise_offset:
        offsets = normal_noise(train.seed, f"{role} noise offset", numbers, shape[:1])
        noise = with_offset(noise, offsets, train.noise_offset)
    asked = settings.noise
    if asked.multires_iterations:
        stream, iterations = f"{role} multires noise", asked.multires_iterations
        layers = [pyramid_layers(train.seed, stream, number, shape, iterations) for number in numbers]
        noise = torch.stack([with_pyramid(*of, asked.multires_discount) for of in zip(noise, layers, strict=True)])
    return noise


def perturbed_noise(settings: Settings, role: str, numbers: Sequence[int], noise: Tensor) -> Tensor:
    """What the noisy latents have in place of that noise: the same without input perturbation."""
    strength = settings.noise.input_perturbation
    if not strength:
        return noise
    perturbation = normal_noise(settings.train.seed, f"{role} input perturbation", numbers, tuple(noise.shape[1:]))
    return perturbed(noise, perturbation, strength)


def drawn_timesteps(settings: Settings, role: str, numbers: Sequence[int], count: int) -> Tensor:
    """(numbers,), int64, on the CPU. count: of the model's timesteps, to whose last an unlimited range goes."""
    asked, seed, stream = settings.timesteps, settings.train.seed, f"{role} timesteps"
    smallest = min(asked.smallest, count - 1)
    largest = count - 1 if asked.largest == MOST else min(asked.largest, count - 1)
    if asked.distribution == "uniform":
        return uniform_timesteps(seed, stream, numbers, smallest, largest)
    if asked.distribution == "low_noise":
        return low_noise_timesteps(seed, stream, numbers, smallest, largest)
    return logit_normal_timesteps(seed, stream, numbers, smallest, largest, asked.logit_mean, asked.logit_std)
