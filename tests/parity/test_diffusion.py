"""Our noise schedule, noising and targets against diffusers' own, in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, PNDMScheduler
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from diffusers.training_utils import compute_snr
from torch import Tensor

from sd_finetune.diffusion.noising import add_noise, training_target
from sd_finetune.diffusion.schedule import (
    NEXT_TO_NOTHING,
    rescaled_to_zero_snr,
    scaled_linear_alphas_cumprod,
    signal_to_noise_ratio,
)

SCHEDULERS = [DDPMScheduler, DDIMScheduler, PNDMScheduler]
TIMESTEPS = torch.tensor([0, 1, 500, 998, 999])


def scheduler_of(kind: Any, start: float = 0.00085, end: float = 0.012, timesteps: int = 1000) -> Any:
    return kind(
        num_train_timesteps=timesteps,
        beta_start=start,
        beta_end=end,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
    )


def drawn() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    latents, noise = (torch.randn(5, 4, 3, 2, generator=generator, dtype=torch.float64) for _ in range(2))
    return latents, noise


def relative_error(found: Tensor, expected: Tensor) -> float:
    return float(((found.double() - expected.double()).abs() / expected.double().abs()).max())


@pytest.mark.parametrize("kind", SCHEDULERS)
@pytest.mark.parametrize("facts", [(0.00085, 0.012, 1000), (0.0015, 0.0195, 1000), (0.00085, 0.012, 300)])
def test_the_schedule(kind: Any, facts: tuple[float, float, int]) -> None:
    ours, theirs = scaled_linear_alphas_cumprod(*facts), scheduler_of(kind, *facts).alphas_cumprod
    assert ours.dtype == torch.float64
    assert ours.shape == theirs.shape
    assert relative_error(theirs, ours) < 5e-5, "theirs is a product of a thousand float32 numbers"


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_noising(kind: Any) -> None:
    scheduler, (latents, noise) = scheduler_of(kind), drawn()
    scheduler.alphas_cumprod = scaled_linear_alphas_cumprod(0.00085, 0.012, 1000)
    ours = add_noise(latents, noise, TIMESTEPS, scheduler.alphas_cumprod)
    assert relative_error(ours, scheduler.add_noise(latents, noise, TIMESTEPS)) < 1e-12


@pytest.mark.parametrize("kind", [DDPMScheduler, DDIMScheduler])
def test_the_v_target(kind: Any) -> None:
    scheduler, (latents, noise) = scheduler_of(kind), drawn()
    scheduler.alphas_cumprod = scaled_linear_alphas_cumprod(0.00085, 0.012, 1000)
    ours = training_target(latents, noise, TIMESTEPS, scheduler.alphas_cumprod, "v_prediction")
    assert relative_error(ours, scheduler.get_velocity(latents, noise, TIMESTEPS)) < 1e-12


def test_the_epsilon_target() -> None:
    """A model that answers with the target leads DDPM from any noisy latent to the latent that was noised."""
    scheduler, (latents, noise) = DDPMScheduler(1000, 0.00085, 0.012, "scaled_linear", clip_sample=False), drawn()
    alphas_cumprod = scheduler.alphas_cumprod = scaled_linear_alphas_cumprod(0.00085, 0.012, 1000)
    noisy = add_noise(latents, noise, TIMESTEPS, alphas_cumprod)
    target = training_target(latents, noise, TIMESTEPS, alphas_cumprod, "epsilon")
    for k, timestep in enumerate(TIMESTEPS.tolist()):
        found = scheduler.step(target[k], timestep, noisy[k]).pred_original_sample
        assert relative_error(found, latents[k]) < 1e-9


def test_the_signal_to_noise_ratio() -> None:
    scheduler = scheduler_of(DDPMScheduler)
    scheduler.alphas_cumprod = scaled_linear_alphas_cumprod(0.00085, 0.012, 1000)
    everywhere = torch.arange(1000)
    ours = signal_to_noise_ratio(scheduler.alphas_cumprod, everywhere)
    assert relative_error(compute_snr(scheduler, everywhere), ours) < 1e-5, "theirs is computed in float32"


def test_zero_terminal_snr_is_diffusers() -> None:
    """But for the last value, which is 0 there and next to nothing in the WebUI."""
    before = scaled_linear_alphas_cumprod(0.00085, 0.012, 1000)
    betas = 1 - before / torch.cat([before.new_ones(1), before[:-1]])
    theirs = torch.cumprod(1 - rescale_zero_terminal_snr(betas), dim=0)
    ours = rescaled_to_zero_snr(before)
    assert relative_error(ours[:-1], theirs[:-1]) < 1e-9
    assert theirs[-1] == 0
    assert ours[-1] == NEXT_TO_NOTHING
