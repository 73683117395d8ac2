"""The names of layers in a LoRA file for SDXL."""

from __future__ import annotations

from functools import lru_cache

from ..ldm.sizes import UNetSizes
from ..ldm.unet_names import unet_names
from .architecture import SdxlArchitecture
from .facts import SDXL


def lora_name(architecture: SdxlArchitecture, part: str, path: str) -> str:
    """As kohya's scripts name it: the UNet's layers by sgm's names, the text encoders' by transformers'."""
    own = _layers(architecture.unet)[path] if part == "unet" else path
    return f"{SDXL.lora_prefixes[part]}{own.replace('.', '_')}"


@lru_cache(maxsize=4)
def _layers(unet: UNetSizes) -> dict[str, str]:
    """Diffusers' name of each layer to sgm's."""
    return {name.removesuffix(".weight"): ldm.removesuffix(".weight") for name, ldm in unet_names(unet)}
