"""What of loss, timesteps and noise contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator

from .faults import Broken
from .options import Settings


def timestep_weights(settings: Settings) -> Iterator[Broken]:
    name, gamma = "loss.timestep_weights", settings.train.snr_gamma
    both = (name, "train.snr_gamma")
    if settings.loss.timestep_weights == "debiased" and gamma:
        sentence = f'{name} = "debiased" has no gamma, and train.snr_gamma = {gamma:g}'
        yield both, f'{sentence}: set train.snr_gamma to 0, or {name} to "min_snr" or "soft_min_snr".'
    if settings.loss.timestep_weights == "soft_min_snr" and not gamma:
        sentence = f'{name} = "soft_min_snr" does nothing with train.snr_gamma = 0'
        yield both, f'{sentence}: set train.snr_gamma to 5, or {name} to "min_snr".'


def timestep_range(settings: Settings) -> Iterator[Broken]:
    smallest, largest = settings.timesteps.smallest, settings.timesteps.largest
    if smallest > largest:
        sentence = f"timesteps.smallest = {smallest} is above timesteps.largest = {largest}"
        yield ("timesteps.smallest", "timesteps.largest"), f"{sentence}, so that none is left: swap them."


def kinds_of_noise(settings: Settings) -> Iterator[Broken]:
    iterations, offset = settings.noise.multires_iterations, settings.train.noise_offset
    if iterations and offset:
        sentence = f"noise.multires_iterations = {iterations} and train.noise_offset = {offset:g} both add coarse noise"
        yield ("noise.multires_iterations", "train.noise_offset"), f"{sentence}: set one of them to 0."
