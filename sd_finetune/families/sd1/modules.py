"""The modules of a Stable Diffusion 1 model: diffusers' UNet and VAE, transformers' CLIP."""

from __future__ import annotations

from accelerate import init_empty_weights
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from ..family import Modules
from ..prompts import CLIP_TOKENIZER_FOLDER
from .architecture import Architecture


def empty_modules(architecture: Architecture) -> Modules:
    """As `Family.empty_modules`."""
    with init_empty_weights(include_buffers=False):
        unet = UNet2DConditionModel(**architecture.unet_config())
        vae = AutoencoderKL(**architecture.vae_config())
        text_encoder = CLIPTextModel(CLIPTextConfig(**architecture.text_config()))
    tokenizer = CLIPTokenizer.from_pretrained(CLIP_TOKENIZER_FOLDER)
    return Modules(unet, vae, {"text_encoder": text_encoder}, {"text_encoder": tokenizer})
