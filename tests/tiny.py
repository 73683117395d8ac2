"""A Stable Diffusion 1 model small enough to write to disk in every test, and its tensors."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sd_finetune.families.sd1.architecture import Sd1Architecture, TextEncoderSizes, UNetSizes, VaeSizes

TINY = Sd1Architecture(
    unet=UNetSizes(model_channels=32, channel_mult=(1, 2), num_res_blocks=1, attention_resolutions=(1,), num_heads=4),
    vae=VaeSizes(ch=32, ch_mult=(1, 2), num_res_blocks=1),
    text_encoder=TextEncoderSizes(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2
    ),
    image_size=8,
    text_model="nowhere",
)
TINY = replace(TINY, unet=replace(TINY.unet, context_dim=32))

Parts = dict[str, dict[str, Tensor]]


def build_parts(architecture: Sd1Architecture, seed: int = 0) -> Parts:
    """State dicts with the shapes that the real modules have, filled with random float32 numbers."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig

    from sd_finetune.families.ldm.text_encoder import ClipTextEncoder

    with torch.device("meta"):
        modules = {
            "unet": UNet2DConditionModel(**architecture.unet_config()),
            "vae": AutoencoderKL(**architecture.vae_config()),
            "text_encoder": ClipTextEncoder(CLIPTextConfig(**architecture.text_config())),
        }
    generator = torch.Generator().manual_seed(seed)
    return {
        part: {name: torch.randn(parameter.shape, generator=generator) for name, parameter in module.named_parameters()}
        for part, module in modules.items()
    }
