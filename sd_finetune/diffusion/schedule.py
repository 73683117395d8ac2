"""The noise schedule of Stable Diffusion (DDPM, arXiv 2006.11239)."""

from __future__ import annotations

import torch
from torch import Tensor

NEXT_TO_NOTHING = 4.8973451890853435e-08
"""The last abar of a schedule with zero terminal SNR, as in WebUI v1.10.1: with 0 no sampler could begin there."""


def scaled_linear_alphas_cumprod(
    linear_start: float, linear_end: float, timesteps: int, zero_terminal_snr: bool = False
) -> Tensor:
    """The cumulative product of 1 - beta, (timesteps,), float64, for Stable Diffusion's betas.

    The betas' square roots run evenly from sqrt(linear_start) to sqrt(linear_end). zero_terminal_snr: then rescaled.
    """
    betas = torch.linspace(linear_start**0.5, linear_end**0.5, timesteps, dtype=torch.float64) ** 2
    alphas_cumprod = torch.cumprod(1 - betas, dim=0)
    return rescaled_to_zero_snr(alphas_cumprod) if zero_terminal_snr else alphas_cumprod


def rescaled_to_zero_snr(alphas_cumprod: Tensor) -> Tensor:
    """The schedule rescaled so that nothing is left of the image at its end (arXiv 2305.08891, algorithm 1).

    Its first value stays, and its last is `NEXT_TO_NOTHING`, of which a root is 1/4,500: sigma and the weights of all
    timesteps are finite, and images are those of the WebUI.
    """
    roots = alphas_cumprod.sqrt()
    rescaled = ((roots - roots[-1]) * (roots[0] / (roots[0] - roots[-1]))).square()
    return torch.cat([rescaled[:-1], rescaled.new_tensor([NEXT_TO_NOTHING])])


def schedule_on(device: torch.device, alphas_cumprod: Tensor) -> Tensor:
    """The schedule on a device; in float32 on a Mac's GPU, which has no float64."""
    return alphas_cumprod.to(device, torch.float32 if device.type == "mps" else None)


def signal_to_noise_ratio(alphas_cumprod: Tensor, timesteps: Tensor) -> Tensor:
    """SNR(t) = abar_t / (1 - abar_t) of each timestep, (batch,) (arXiv 2303.09556, section 3)."""
    chosen = alphas_cumprod[timesteps]
    return chosen / (1 - chosen)
