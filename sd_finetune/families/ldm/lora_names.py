"""The names of a UNet's layers in LoRA files: after diffusers' modules in some, after LDM's own in others."""

from __future__ import annotations

from functools import lru_cache

from .sizes import UNetSizes
from .unet_names import unet_names


def in_lora_file(prefix: str, path: str) -> str:
    """As kohya's scripts name a layer: its path with underscores in place of dots."""
    return f"{prefix}{path.replace('.', '_')}"


@lru_cache(maxsize=4)
def ldm_paths(unet: UNetSizes) -> dict[str, str]:
    """Diffusers' path of each layer to LDM's."""
    return {name.rpartition(".")[0]: ldm.rpartition(".")[0] for name, ldm in unet_names(unet)}


@lru_cache(maxsize=4)
def diffusers_to_ldm(unet: UNetSizes, prefix: str) -> dict[str, str]:
    """Each layer's name after diffusers to the one after LDM."""
    return {in_lora_file(prefix, own): in_lora_file(prefix, ldm) for own, ldm in ldm_paths(unet).items()}


@lru_cache(maxsize=4)
def ldm_to_diffusers(unet: UNetSizes, prefix: str) -> dict[str, str]:
    """Each layer's name after LDM to the one after diffusers."""
    return {ldm: own for own, ldm in diffusers_to_ldm(unet, prefix).items()}
