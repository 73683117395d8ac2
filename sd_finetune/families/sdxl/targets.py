"""The names of layers in a LoRA file for SDXL."""

from __future__ import annotations

from ..ldm.lora_names import diffusers_to_ldm, in_lora_file, ldm_paths
from .architecture import SdxlArchitecture
from .facts import SDXL


def lora_name(architecture: SdxlArchitecture, part: str, path: str) -> str:
    """As kohya's scripts name it: the UNet's layers by sgm's names, the text encoders' by transformers'."""
    return in_lora_file(SDXL.lora_prefixes[part], ldm_paths(architecture.unet)[path] if part == "unet" else path)


def usual_lora_name(architecture: SdxlArchitecture, name: str) -> str:
    """Some programs name the UNet's layers after diffusers."""
    return diffusers_to_ldm(architecture.unet, SDXL.lora_prefixes["unet"]).get(name, name)
