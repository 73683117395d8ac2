"""The names of layers in a LoRA file for Stable Diffusion 1."""

from __future__ import annotations

from ..ldm.lora_names import in_lora_file, ldm_to_diffusers
from .architecture import Sd1Architecture
from .facts import SD1

FIRST_OF_SEVERAL = "lora_te1_"
"""How programs that know models with several text encoders begin the names of its layers."""


def lora_name(part: str, path: str) -> str:
    """As kohya's scripts name it: the path in the diffusers or transformers module, dots as underscores."""
    return in_lora_file(SD1.lora_prefixes[part], path)


def usual_lora_name(architecture: Sd1Architecture, name: str) -> str:
    """Some programs name the UNet's layers after LDM, and the text encoder as the first of several."""
    if name.startswith(FIRST_OF_SEVERAL):
        return SD1.lora_prefixes["text_encoder"] + name.removeprefix(FIRST_OF_SEVERAL)
    return ldm_to_diffusers(architecture.unet, SD1.lora_prefixes["unet"]).get(name, name)
