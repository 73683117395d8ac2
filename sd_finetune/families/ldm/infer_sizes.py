"""The sizes of UNet, VAE and CLIP from the shapes of their tensors in LDM's layout.

Every function takes `start`, the beginning of the part's tensor names, and raises KeyError where a tensor is missing
from which a size is read. What shapes do not show, the attention heads, is as in the defaults of the sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from ..recognition import Shapes
from .sizes import TextEncoderSizes, UNetSizes, VaeSizes

CLIP_HEAD = 64
"""Channels of a head in every CLIP that was published."""


def unet_sizes(shapes: Shapes, start: str) -> UNetSizes:
    """Of a UNet."""
    model_channels, in_channels = shapes[f"{start}input_blocks.0.0.weight"][:2]
    levels = list(_unet_levels(shapes, start))
    first = next((block for *_, block in levels if block), f"{start}middle_block.1.")
    vector = shapes.get(f"{start}label_emb.0.0.weight", (0, 0))
    return UNetSizes(
        in_channels=in_channels,
        out_channels=shapes[f"{start}out.2.weight"][0],
        model_channels=model_channels,
        channel_mult=tuple(channels // model_channels for channels, _, _ in levels),
        num_res_blocks=_res_blocks(shapes, start),
        attention_resolutions=tuple(2**level for level, (*_, block) in enumerate(levels) if block)[::-1],
        transformer_depth=tuple(depth for _, depth, _ in levels),
        context_dim=shapes[f"{first}transformer_blocks.0.attn2.to_k.weight"][1],
        adm_in_channels=vector[1],
    )


def _unet_levels(shapes: Shapes, start: str) -> Iterator[tuple[int, int, str]]:
    """Of each level, from the first to the deepest: its channels, its transformer blocks, and the beginning of its
    last attention's names, "" without one.
    """
    channels, attention = 0, ""
    for index in count(1):
        block = f"{start}input_blocks.{index}."
        convolution = shapes.get(f"{block}0.out_layers.3.weight")
        if convolution is not None:
            channels = convolution[0]
            attention = f"{block}1." if f"{block}1.norm.weight" in shapes else ""
            continue
        is_last = f"{block}0.op.weight" not in shapes
        depth = _depth(shapes, f"{start}middle_block.1." if is_last else attention)
        yield channels, depth, attention
        if is_last:
            return


def _depth(shapes: Shapes, attention: str) -> int:
    return (_count(shapes, attention + "transformer_blocks.{}.norm1.weight") if attention else 0) or 1


def _res_blocks(shapes: Shapes, start: str) -> int:
    """Of each level."""
    return _count(shapes, start + "input_blocks.{}.0.out_layers.3.weight", first=1)


def vae_sizes(shapes: Shapes, start: str) -> VaeSizes:
    """Of a VAE."""
    ch, in_channels = shapes[f"{start}encoder.conv_in.weight"][:2]
    # Of the decoder: its levels have one residual block more than the encoder's, which may have none.
    block = start + "decoder.up.{}.block.0.conv1.weight"
    levels = range(_count(shapes, block))
    return VaeSizes(
        in_channels=in_channels,
        out_ch=shapes[f"{start}decoder.conv_out.weight"][0],
        ch=ch,
        ch_mult=tuple(shapes[block.format(level)][0] // ch for level in levels),
        num_res_blocks=_count(shapes, start + "decoder.up.0.block.{}.conv1.weight") - 1,
        z_channels=shapes[f"{start}decoder.conv_in.weight"][1],
        embed_dim=shapes[f"{start}post_quant_conv.weight"][1],
    )


def clip_sizes(shapes: Shapes, start: str) -> TextEncoderSizes:
    """Of a text encoder in transformers' layout; `start` ends in "text_model."."""
    vocab_size, hidden_size = shapes[f"{start}embeddings.token_embedding.weight"]
    return TextEncoderSizes(
        vocab_size=vocab_size,
        max_position_embeddings=shapes[f"{start}embeddings.position_embedding.weight"][0],
        hidden_size=hidden_size,
        intermediate_size=shapes[f"{start}encoder.layers.0.mlp.fc1.weight"][0],
        num_hidden_layers=_count(shapes, start + "encoder.layers.{}.mlp.fc1.weight"),
        num_attention_heads=max(1, hidden_size // CLIP_HEAD),
    )


def open_clip_sizes(shapes: Shapes, start: str) -> TextEncoderSizes:
    """Of a text encoder in OpenCLIP's layout."""
    vocab_size, hidden_size = shapes[f"{start}token_embedding.weight"]
    return TextEncoderSizes(
        vocab_size=vocab_size,
        max_position_embeddings=shapes[f"{start}positional_embedding"][0],
        hidden_size=hidden_size,
        intermediate_size=shapes[f"{start}transformer.resblocks.0.mlp.c_fc.weight"][0],
        num_hidden_layers=_count(shapes, start + "transformer.resblocks.{}.mlp.c_fc.weight"),
        num_attention_heads=max(1, hidden_size // CLIP_HEAD),
        projection_dim=shapes[f"{start}text_projection"][1],
        hidden_act="gelu",
    )


def _count(shapes: Shapes, pattern: str, first: int = 0) -> int:
    return next(number for number in count(first) if pattern.format(number) not in shapes) - first
