"""The sizes of the parts that Stable Diffusion 1 and SDXL are made of, and what their modules are built with.

UNetSizes.arguments(image_size), VaeSizes.arguments(scale_factor, image_size), TextEncoderSizes.arguments() -> dict, the
    keyword arguments of diffusers.UNet2DConditionModel, diffusers.AutoencoderKL and transformers.CLIPTextConfig
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SIZE_EMBEDDING = 256
"""Width of the sinusoids of each of the six size ids of SDXL (arXiv 2307.01952, section 2.2)."""
SIZE_IDS = 6


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
    transformer_depth: tuple[int, ...] = ()
    """Of each level, those without attention too; empty = 1 everywhere. The middle has the last level's."""
    context_dim: int = 768
    use_linear_in_transformer: bool = False
    """Whether a transformer's projections in and out are linear layers, not 1x1 convolutions."""
    adm_in_channels: int = 0
    """Width of the vector that comes beside the prompt's states; 0 = none."""

    def __post_init__(self) -> None:
        if not self.transformer_depth:
            object.__setattr__(self, "transformer_depth", (1,) * len(self.channel_mult))

    @property
    def level_channels(self) -> tuple[int, ...]:
        return tuple(self.model_channels * factor for factor in self.channel_mult)

    def has_attention(self, level: int) -> bool:
        return 2**level in self.attention_resolutions

    def depth_of_levels(self) -> int | list[int]:
        """One number where it is the same for all levels: LDM itself takes no list."""
        depths = self.transformer_depth
        return depths[0] if len(set(depths)) == 1 else list(depths)

    def arguments(self, image_size: int) -> dict[str, Any]:
        """Of diffusers.UNet2DConditionModel. image_size: in latent pixels."""
        cross = [self.has_attention(level) for level in range(len(self.channel_mult))]
        return {
            "sample_size": image_size,
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "block_out_channels": self.level_channels,
            "layers_per_block": self.num_res_blocks,
            "down_block_types": tuple("CrossAttnDownBlock2D" if has else "DownBlock2D" for has in cross),
            "up_block_types": tuple("CrossAttnUpBlock2D" if has else "UpBlock2D" for has in reversed(cross)),
            "cross_attention_dim": self.context_dim,
            "attention_head_dim": self._heads(),
            "transformer_layers_per_block": self.depth_of_levels(),
            "use_linear_projection": self.use_linear_in_transformer,
            **self._vector_arguments(),
        }

    def _heads(self) -> int | tuple[int, ...]:
        # What diffusers calls attention_head_dim is, for these models, the number of heads.
        if self.num_heads:
            return self.num_heads
        return tuple(channels // self.num_head_channels for channels in self.level_channels)

    def _vector_arguments(self) -> dict[str, Any]:
        if not self.adm_in_channels:
            return {}
        return {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": SIZE_EMBEDDING,
            "projection_class_embeddings_input_dim": self.adm_in_channels,
        }


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

    def arguments(self, scale_factor: float, image_size: int) -> dict[str, Any]:
        """Of diffusers.AutoencoderKL. image_size: in latent pixels."""
        levels = len(self.ch_mult)
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_ch,
            "block_out_channels": self.level_channels,
            "layers_per_block": self.num_res_blocks,
            "down_block_types": ("DownEncoderBlock2D",) * levels,
            "up_block_types": ("UpDecoderBlock2D",) * levels,
            "latent_channels": self.z_channels,
            "scaling_factor": scale_factor,
            "sample_size": image_size * 2 ** (levels - 1),
        }


@dataclass(frozen=True)
class TextEncoderSizes:
    """A CLIP text encoder."""

    vocab_size: int = 49408
    max_position_embeddings: int = 77
    hidden_size: int = 768
    intermediate_size: int = 3072
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    projection_dim: int = 0
    """Width of the vector for a whole prompt; 0 = the encoder has none."""
    hidden_act: str = "quick_gelu"

    def arguments(self) -> dict[str, Any]:
        """Of transformers.CLIPTextConfig."""
        return {
            "vocab_size": self.vocab_size,
            "max_position_embeddings": self.max_position_embeddings,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "projection_dim": self.projection_dim or self.hidden_size,
            "hidden_act": self.hidden_act,
            "bos_token_id": self.vocab_size - 2,
            "eos_token_id": self.vocab_size - 1,
        }
