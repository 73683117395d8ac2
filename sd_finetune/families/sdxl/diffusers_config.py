"""The architecture of an SDXL model in diffusers' layout; see `families.from_diffusers`."""

from __future__ import annotations

from ..ldm.diffusers_config import (
    Config,
    clip_sizes_of,
    image_size_of,
    noise_of,
    scale_factor_of,
    unet_sizes_of,
    vae_sizes_of,
)
from .architecture import SDXL_BASE, SdxlArchitecture
from .sgm_config import dump


def architecture_of(unet: Config, vae: Config, encoders: list[Config], scheduler: Config) -> SdxlArchitecture:
    """From the configs of its parts."""
    return SdxlArchitecture(
        unet_sizes_of(unet),
        vae_sizes_of(vae),
        clip_sizes_of(encoders[0]),
        clip_sizes_of(encoders[1], "gelu", with_projection=True),
        scale_factor=scale_factor_of(vae),
        image_size=image_size_of(unet, SDXL_BASE.image_size),
        **noise_of(scheduler),
    )


def to_yaml(architecture: SdxlArchitecture) -> str:
    """The config beside one file of it."""
    return dump(architecture)
