"""The modules of an SDXL model: diffusers' UNet and VAE, transformers' CLIP-L and CLIP-G."""

from __future__ import annotations

from typing import Any, cast

from accelerate import init_empty_weights  # pyright: ignore[reportMissingTypeStubs]
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import (  # pyright: ignore[reportMissingTypeStubs]
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from ..family import Modules
from ..initial_values import NoInitialValues
from ..ldm.clip_config import clip_config
from ..ldm.text_encoder import ClipTextEncoder
from ..vocabulary import CLIP_TOKENIZER_FOLDER
from .architecture import SdxlArchitecture

OPEN_CLIP_PADDING = "!"
"""The token with the id 0."""


def empty_modules(architecture: SdxlArchitecture) -> Modules:
    """As `Family.empty_modules`."""
    with init_empty_weights(include_buffers=False), NoInitialValues():
        unet = UNet2DConditionModel(**architecture.unet.arguments(architecture.image_size))
        vae = AutoencoderKL(**architecture.vae.arguments(architecture.scale_factor, architecture.image_size))
        text_encoder = ClipTextEncoder(clip_config(**architecture.text_encoder.arguments()))
        text_encoder_2 = CLIPTextModelWithProjection(clip_config(**architecture.text_encoder_2.arguments()))
    tokenizer_class = cast("Any", CLIPTokenizer)
    tokenizer = tokenizer_class.from_pretrained(CLIP_TOKENIZER_FOLDER)
    tokenizer_2 = tokenizer_class.from_pretrained(CLIP_TOKENIZER_FOLDER, pad_token=OPEN_CLIP_PADDING)
    return Modules(
        unet,
        vae,
        {"text_encoder": text_encoder, "text_encoder_2": text_encoder_2},
        {"text_encoder": tokenizer, "text_encoder_2": tokenizer_2},
    )
