"""The modules of a Stable Diffusion 1 model: diffusers' UNet and VAE, transformers' CLIP."""

from __future__ import annotations

from typing import Any, cast

from accelerate import init_empty_weights  # pyright: ignore[reportMissingTypeStubs]
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import CLIPTokenizer  # pyright: ignore[reportMissingTypeStubs]

from ..family import Modules
from ..initial_values import NoInitialValues
from ..ldm.clip_config import clip_config
from ..ldm.text_encoder import ClipTextEncoder
from ..vocabulary import CLIP_TOKENIZER_FOLDER
from .architecture import Sd1Architecture


def empty_modules(architecture: Sd1Architecture) -> Modules:
    """As `Family.empty_modules`."""
    with init_empty_weights(include_buffers=False), NoInitialValues():
        unet = UNet2DConditionModel(**architecture.unet_config())
        vae = AutoencoderKL(**architecture.vae_config())
        text_encoder = ClipTextEncoder(clip_config(**architecture.text_config()))
    tokenizer = cast("Any", CLIPTokenizer).from_pretrained(CLIP_TOKENIZER_FOLDER)
    return Modules(unet, vae, {"text_encoder": text_encoder}, {"text_encoder": tokenizer})
