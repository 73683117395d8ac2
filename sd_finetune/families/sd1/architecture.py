"""The sizes of a Stable Diffusion 1 model, and the constructor arguments that follow from them.

Sd1Architecture(unet, vae, text_encoder, prediction_type, scale_factor, linear_start, linear_end, timesteps, ...)
Sd1Architecture.unet_config() / .vae_config() / .text_config() -> dict, the keyword arguments of
    diffusers.UNet2DConditionModel / diffusers.AutoencoderKL / transformers.CLIPTextConfig
SD15: that of Stable Diffusion 1.5
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

DEFAULT_TEXT_MODEL = "openai/clip-vit-large-patch14"


@dataclass(frozen=True)
class UNetSizes:
    """LDM's `unet_config`. Level i has `model_channels * channel_mult[i]` channels and shrinks by 2**i."""

    in_channels: int = 4
    out_channels: int = 4
    model_channels: int = 320
    channel_mult: tuple[int, ...] = (1, 2, 4, 4)
    num_res_blocks: int = 2
    attention_resolutions: tuple[int, ...] = (4, 2, 1)
    num_heads: int = 8
    """Heads of every attention; 0 when `num_head_channels` gives the width of a head instead."""
    num_head_channels: int = 0
    transformer_depth: int = 1
    context_dim: int = 768

    @property
    def level_channels(self) -> tuple[int, ...]:
        return tuple(self.model_channels * factor for factor in self.channel_mult)

    def has_attention(self, level: int) -> bool:
        return 2**level in self.attention_resolutions


@dataclass(frozen=True)
class VaeSizes:
    """LDM's `first_stage_config`. Level i has `ch * ch_mult[i]` channels."""

    in_channels: int = 3
    out_ch: int = 3
    ch: int = 128
    ch_mult: tuple[int, ...] = (1, 2, 4, 4)
    num_res_blocks: int = 2
    z_channels: int = 4
    embed_dim: int = 4

    @property
    def level_channels(self) -> tuple[int, ...]:
        return tuple(self.ch * factor for factor in self.ch_mult)


@dataclass(frozen=True)
class TextEncoderSizes:
    """The CLIP text encoder."""

    vocab_size: int = 49408
    max_position_embeddings: int = 77
    hidden_size: int = 768
    intermediate_size: int = 3072
    num_hidden_layers: int = 12
    num_attention_heads: int = 12


@dataclass(frozen=True)
class Sd1Architecture:
    """A Stable Diffusion 1 model: the sizes of its three parts, and noise schedule and scale."""

    unet: UNetSizes = field(default_factory=UNetSizes)
    vae: VaeSizes = field(default_factory=VaeSizes)
    text_encoder: TextEncoderSizes = field(default_factory=TextEncoderSizes)
    prediction_type: Literal["epsilon", "v_prediction"] = "epsilon"
    """What the UNet predicts: the noise, or v (arXiv 2202.00512, appendix D)."""
    scale_factor: float = 0.18215
    """Factor between the output of the VAE's encoder and latents (arXiv 2112.10752, appendix G)."""
    linear_start: float = 0.00085
    linear_end: float = 0.012
    timesteps: int = 1000
    image_size: int = 64
    """Height and width, in latent pixels, of the images the model was trained on."""
    text_model: str = DEFAULT_TEXT_MODEL
    """Where the WebUI finds tokenizer and text encoder config: a Hugging Face model or a folder."""

    @property
    def sizes(self) -> Mapping[str, UNetSizes | VaeSizes | TextEncoderSizes]:
        """By part."""
        return {"unet": self.unet, "vae": self.vae, "text_encoder": self.text_encoder}

    def unet_config(self) -> dict[str, Any]:
        """Arguments of diffusers.UNet2DConditionModel."""
        unet = self.unet
        cross = [unet.has_attention(level) for level in range(len(unet.channel_mult))]
        return {
            "sample_size": self.image_size,
            "in_channels": unet.in_channels,
            "out_channels": unet.out_channels,
            "block_out_channels": unet.level_channels,
            "layers_per_block": unet.num_res_blocks,
            "down_block_types": tuple("CrossAttnDownBlock2D" if has else "DownBlock2D" for has in cross),
            "up_block_types": tuple("CrossAttnUpBlock2D" if has else "UpBlock2D" for has in reversed(cross)),
            "cross_attention_dim": unet.context_dim,
            "attention_head_dim": self._heads(),
            "transformer_layers_per_block": unet.transformer_depth,
        }

    def _heads(self) -> int | tuple[int, ...]:
        # What diffusers calls attention_head_dim is, for these models, the number of heads.
        if self.unet.num_heads:
            return self.unet.num_heads
        return tuple(channels // self.unet.num_head_channels for channels in self.unet.level_channels)

    def vae_config(self) -> dict[str, Any]:
        """Arguments of diffusers.AutoencoderKL."""
        levels = len(self.vae.ch_mult)
        return {
            "in_channels": self.vae.in_channels,
            "out_channels": self.vae.out_ch,
            "block_out_channels": self.vae.level_channels,
            "layers_per_block": self.vae.num_res_blocks,
            "down_block_types": ("DownEncoderBlock2D",) * levels,
            "up_block_types": ("UpDecoderBlock2D",) * levels,
            "latent_channels": self.vae.z_channels,
            "scaling_factor": self.scale_factor,
            "sample_size": self.image_size * 2 ** (levels - 1),
        }

    def text_config(self) -> dict[str, Any]:
        """Arguments of transformers.CLIPTextConfig."""
        text = self.text_encoder
        return {
            "vocab_size": text.vocab_size,
            "max_position_embeddings": text.max_position_embeddings,
            "hidden_size": text.hidden_size,
            "intermediate_size": text.intermediate_size,
            "num_hidden_layers": text.num_hidden_layers,
            "num_attention_heads": text.num_attention_heads,
            "projection_dim": text.hidden_size,
            "hidden_act": "quick_gelu",
            "bos_token_id": text.vocab_size - 2,
            "eos_token_id": text.vocab_size - 1,
        }


SD15 = Sd1Architecture()
