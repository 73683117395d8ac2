"""The architecture of a Stable Diffusion 1 model in diffusers' layout; see `families.from_diffusers`."""

from __future__ import annotations

from dataclasses import replace

from ..ldm.diffusers_config import (
    Config,
    clip_sizes_of,
    image_size_of,
    noise_of,
    scale_factor_of,
    unet_sizes_of,
    vae_sizes_of,
)
from .architecture import SD15, Sd1Architecture
from .ldm_config import dump


def architecture_of(unet: Config, vae: Config, encoders: list[Config], scheduler: Config) -> Sd1Architecture:
    """From the configs of its parts."""
    return Sd1Architecture(
        replace(unet_sizes_of(unet), use_linear_in_transformer=False),  # which tensors of any shape are read as
        vae_sizes_of(vae),
        clip_sizes_of(encoders[0]),
        scale_factor=scale_factor_of(vae),
        image_size=image_size_of(unet, SD15.image_size),
        **noise_of(scheduler),
    )


def to_yaml(architecture: Sd1Architecture) -> str:
    """The config beside one file of it."""
    return dump(architecture)
