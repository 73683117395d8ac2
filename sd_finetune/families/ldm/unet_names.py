"""The names of a UNet's tensors in diffusers' module and in LDM's layout."""

from __future__ import annotations

from collections.abc import Iterator

from .pairs import Pair, with_bias
from .sizes import UNetSizes


def unet_names(unet: UNetSizes) -> Iterator[Pair]:
    """In the order of the network."""
    yield from with_bias(
        ("conv_in", "input_blocks.0.0"),
        ("time_embedding.linear_1", "time_embed.0"),
        ("time_embedding.linear_2", "time_embed.2"),
    )
    if unet.adm_in_channels:
        yield from with_bias(
            ("add_embedding.linear_1", "label_emb.0.0"),
            ("add_embedding.linear_2", "label_emb.0.2"),
        )
    yield from _unet_down(unet)
    yield from _unet_resnet("mid_block.resnets.0", "middle_block.0", False)
    yield from _transformer("mid_block.attentions.0", "middle_block.1", unet.transformer_depth[-1])
    yield from _unet_resnet("mid_block.resnets.1", "middle_block.2", False)
    yield from _unet_up(unet)
    yield from with_bias(("conv_norm_out", "out.0"), ("conv_out", "out.2"))


def _unet_down(unet: UNetSizes) -> Iterator[Pair]:
    index, channels = 1, unet.model_channels
    last = len(unet.channel_mult) - 1
    for level, out in enumerate(unet.level_channels):
        for block in range(unet.num_res_blocks):
            name, ldm = f"down_blocks.{level}", f"input_blocks.{index}"
            yield from _unet_resnet(f"{name}.resnets.{block}", f"{ldm}.0", channels != out)
            if unet.has_attention(level):
                yield from _transformer(f"{name}.attentions.{block}", f"{ldm}.1", unet.transformer_depth[level])
            index, channels = index + 1, out
        if level != last:
            yield from with_bias((f"down_blocks.{level}.downsamplers.0.conv", f"input_blocks.{index}.0.op"))
            index += 1


def _unet_up(unet: UNetSizes) -> Iterator[Pair]:
    index, last = 0, len(unet.channel_mult) - 1
    for level in reversed(range(last + 1)):
        name = f"up_blocks.{last - level}"
        for block in range(unet.num_res_blocks + 1):
            ldm = f"output_blocks.{index}"
            # Each takes the skip connection's channels in too, so that there is always a shortcut.
            yield from _unet_resnet(f"{name}.resnets.{block}", f"{ldm}.0", True)
            if unet.has_attention(level):
                yield from _transformer(f"{name}.attentions.{block}", f"{ldm}.1", unet.transformer_depth[level])
            index += 1
        if level:
            place = 2 if unet.has_attention(level) else 1
            yield from with_bias((f"{name}.upsamplers.0.conv", f"output_blocks.{index - 1}.{place}.conv"))


def _unet_resnet(name: str, ldm: str, shortcut: bool) -> Iterator[Pair]:
    yield from with_bias(
        (f"{name}.norm1", f"{ldm}.in_layers.0"),
        (f"{name}.conv1", f"{ldm}.in_layers.2"),
        (f"{name}.time_emb_proj", f"{ldm}.emb_layers.1"),
        (f"{name}.norm2", f"{ldm}.out_layers.0"),
        (f"{name}.conv2", f"{ldm}.out_layers.3"),
    )
    if shortcut:
        yield from with_bias((f"{name}.conv_shortcut", f"{ldm}.skip_connection"))


def _transformer(name: str, ldm: str, depth: int) -> Iterator[Pair]:
    """A transformer over the image: after the block's own name both have the same names."""
    layers = ["norm", "proj_in", "proj_out"]
    plain: list[str] = []
    for index in range(depth):
        block = f"transformer_blocks.{index}"
        layers += [f"{block}.{layer}" for layer in ("norm1", "norm2", "norm3", "ff.net.0.proj", "ff.net.2")]
        for attention in ("attn1", "attn2"):
            layers.append(f"{block}.{attention}.to_out.0")
            plain += [f"{block}.{attention}.to_{letter}.weight" for letter in "qkv"]
    yield from with_bias(*((f"{name}.{layer}", f"{ldm}.{layer}") for layer in layers))
    yield from ((f"{name}.{tensor}", f"{ldm}.{tensor}") for tensor in plain)
