"""Tensors of a Stable Diffusion 1 checkpoint that are not weights of its modules."""

from __future__ import annotations

import torch
from torch import Tensor

from ..noise_marks import noise_marks
from .architecture import Sd1Architecture
from .keys import TEXT

POSITION_IDS = f"{TEXT}text_model.embeddings.position_ids"


def constant_tensors(architecture: Sd1Architecture) -> dict[str, Tensor]:
    """The noise schedule's buffers, CLIP's position ids, and the marks of how the model was trained, by name."""
    positions = torch.arange(architecture.text_encoder.max_position_embeddings).unsqueeze(0)
    return {**schedule_buffers(architecture), POSITION_IDS: positions, **noise_marks(architecture)}


def schedule_buffers(architecture: Sd1Architecture) -> dict[str, Tensor]:
    """The noise schedule as in SD1 files (float32, (timesteps,) each; arXiv 2006.11239, eqs. 4, 6 and 7)."""
    start, end = architecture.linear_start**0.5, architecture.linear_end**0.5
    betas = torch.linspace(start, end, architecture.timesteps, dtype=torch.float64) ** 2
    alphas = 1 - betas
    products = torch.cumprod(alphas, dim=0)
    before = torch.cat([torch.ones(1, dtype=torch.float64), products[:-1]])
    variance = betas * (1 - before) / (1 - products)
    buffers = {
        "betas": betas,
        "alphas_cumprod": products,
        "alphas_cumprod_prev": before,
        "sqrt_alphas_cumprod": products.sqrt(),
        "sqrt_one_minus_alphas_cumprod": (1 - products).sqrt(),
        "log_one_minus_alphas_cumprod": (1 - products).log(),
        "sqrt_recip_alphas_cumprod": products.rsqrt(),
        "sqrt_recipm1_alphas_cumprod": (1 / products - 1).sqrt(),
        "posterior_variance": variance,
        "posterior_log_variance_clipped": variance.clamp(min=1e-20).log(),
        "posterior_mean_coef1": betas * before.sqrt() / (1 - products),
        "posterior_mean_coef2": (1 - before) * alphas.sqrt() / (1 - products),
    }
    return {name: values.to(torch.float32) for name, values in buffers.items()}
