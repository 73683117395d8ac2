"""The names of a checkpoint's tensors: LDM (in the file) and diffusers (in the modules), in one table used both ways.

    name_table(architecture) -> {part: {diffusers name: LDM name}}, parts "unet", "vae", "text_encoder"
    usual_spelling(file_name) -> the LDM name of a tensor that has another one in some files
    module_shape(part, diffusers_name, shape) -> the shape in the diffusers module
    file_shape(ldm_name, shape) -> the shape in an LDM file

The table holds what is trained or frozen in the modules. Buffers (noise schedule, position_ids, EMA) are not in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .architecture import Sd1Architecture, TextEncoderSizes, UNetSizes, VaeSizes
from .facts import SD1

UNET, VAE, TEXT = (SD1.part_prefixes[part] for part in ("unet", "vae", "text_encoder"))

_VAE_LAYERS = {
    "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out", "query": "q", "key": "k", "value": "v",
    "proj_attn": "proj_out", "group_norm": "norm",
}  # fmt: skip
"""Diffusers' names of the VAE's attention layers, new and old, and LDM's."""
_VAE_ATTENTION = re.compile(rf"(\.mid\.attn_1\.)({'|'.join(map(re.escape, _VAE_LAYERS))})(?=\.)")

Pair = tuple[str, str]
"""A diffusers name and an LDM name."""


def name_table(architecture: Sd1Architecture) -> dict[str, dict[str, str]]:
    """Part to diffusers tensor name to LDM tensor name, in the order of the network."""
    return {
        "unet": {name: UNET + ldm for name, ldm in _unet(architecture.unet)},
        "vae": {name: VAE + ldm for name, ldm in _vae(architecture.vae)},
        "text_encoder": {name: TEXT + name for name in _text_encoder(architecture.text_encoder)},
    }


def usual_spelling(file_name: str) -> str:
    """The LDM name of a file's tensor.

    Some files (NovelAI's and merges of it) leave out CLIP's `text_model`; others, converted from diffusers, have that
    library's names, of any of its versions, in the VAE's attention.
    """
    if file_name.startswith(VAE):
        return _VAE_ATTENTION.sub(lambda match: match[1] + _VAE_LAYERS[match[2]], file_name)
    inner = file_name[len(TEXT) :]
    if file_name.startswith(TEXT) and inner.startswith(("embeddings.", "encoder.", "final_layer_norm.")):
        return f"{TEXT}text_model.{inner}"
    return file_name


def module_shape(part: str, diffusers_name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a tensor in the module, given its shape in a file.

    LDM's VAE attention has 1x1 convolutions, diffusers' has linear layers; SD1's `proj_in` and `proj_out` in the
    UNet are 1x1 convolutions in both, but some converters store them as linear.
    """
    if not diffusers_name.endswith(".weight"):
        return shape
    if part == "vae" and ".attentions." in diffusers_name:
        return shape[:2]
    if part == "unet" and ".proj_" in diffusers_name and len(shape) == 2:
        return (*shape, 1, 1)
    return shape


def file_shape(ldm_name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a tensor in an LDM file, given its shape in the module."""
    is_vae_attention = ldm_name.startswith(VAE) and ".mid.attn_1." in ldm_name
    return (*shape, 1, 1) if is_vae_attention and len(shape) == 2 else shape


def _with_bias(*layers: Pair) -> Iterator[Pair]:
    for name, ldm in layers:
        for kind in ("weight", "bias"):
            yield f"{name}.{kind}", f"{ldm}.{kind}"


def _unet(unet: UNetSizes) -> Iterator[Pair]:
    yield from _with_bias(
        ("conv_in", "input_blocks.0.0"),
        ("time_embedding.linear_1", "time_embed.0"),
        ("time_embedding.linear_2", "time_embed.2"),
    )
    yield from _unet_down(unet)
    yield from _unet_resnet("mid_block.resnets.0", "middle_block.0", False)
    yield from _transformer("mid_block.attentions.0", "middle_block.1", unet.transformer_depth)
    yield from _unet_resnet("mid_block.resnets.1", "middle_block.2", False)
    yield from _unet_up(unet)
    yield from _with_bias(("conv_norm_out", "out.0"), ("conv_out", "out.2"))


def _unet_down(unet: UNetSizes) -> Iterator[Pair]:
    index, channels = 1, unet.model_channels
    last = len(unet.channel_mult) - 1
    for level, out in enumerate(unet.level_channels):
        for block in range(unet.num_res_blocks):
            name, ldm = f"down_blocks.{level}", f"input_blocks.{index}"
            yield from _unet_resnet(f"{name}.resnets.{block}", f"{ldm}.0", channels != out)
            if unet.has_attention(level):
                yield from _transformer(f"{name}.attentions.{block}", f"{ldm}.1", unet.transformer_depth)
            index, channels = index + 1, out
        if level != last:
            yield from _with_bias((f"down_blocks.{level}.downsamplers.0.conv", f"input_blocks.{index}.0.op"))
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
                yield from _transformer(f"{name}.attentions.{block}", f"{ldm}.1", unet.transformer_depth)
            index += 1
        if level:
            place = 2 if unet.has_attention(level) else 1
            yield from _with_bias((f"{name}.upsamplers.0.conv", f"output_blocks.{index - 1}.{place}.conv"))


def _unet_resnet(name: str, ldm: str, shortcut: bool) -> Iterator[Pair]:
    yield from _with_bias(
        (f"{name}.norm1", f"{ldm}.in_layers.0"),
        (f"{name}.conv1", f"{ldm}.in_layers.2"),
        (f"{name}.time_emb_proj", f"{ldm}.emb_layers.1"),
        (f"{name}.norm2", f"{ldm}.out_layers.0"),
        (f"{name}.conv2", f"{ldm}.out_layers.3"),
    )
    if shortcut:
        yield from _with_bias((f"{name}.conv_shortcut", f"{ldm}.skip_connection"))


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
    yield from _with_bias(*((f"{name}.{layer}", f"{ldm}.{layer}") for layer in layers))
    yield from ((f"{name}.{tensor}", f"{ldm}.{tensor}") for tensor in plain)


def _vae(vae: VaeSizes) -> Iterator[Pair]:
    yield from _with_bias(*((layer, layer) for layer in ("quant_conv", "post_quant_conv")))
    levels, last = vae.level_channels, len(vae.ch_mult) - 1
    channels = vae.ch
    for level, out in enumerate(levels):
        name, ldm = f"encoder.down_blocks.{level}", f"encoder.down.{level}"
        yield from _vae_level(name, ldm, vae.num_res_blocks, channels != out)
        if level != last:
            yield from _with_bias((f"{name}.downsamplers.0.conv", f"{ldm}.downsample.conv"))
        channels = out
    # LDM counts the decoder's levels as the encoder's, diffusers in the order in which they run.
    for level in reversed(range(last + 1)):
        name, ldm = f"decoder.up_blocks.{last - level}", f"decoder.up.{level}"
        yield from _vae_level(name, ldm, vae.num_res_blocks + 1, channels != levels[level])
        if level:
            yield from _with_bias((f"{name}.upsamplers.0.conv", f"{ldm}.upsample.conv"))
        channels = levels[level]
    for half in ("encoder", "decoder"):
        yield from _vae_ends(half)


def _vae_level(name: str, ldm: str, blocks: int, widens: bool) -> Iterator[Pair]:
    for block in range(blocks):
        yield from _vae_resnet(f"{name}.resnets.{block}", f"{ldm}.block.{block}", widens and block == 0)


def _vae_ends(half: str) -> Iterator[Pair]:
    name, ldm = f"{half}.mid_block", f"{half}.mid"
    yield from _with_bias(
        (f"{half}.conv_in", f"{half}.conv_in"),
        (f"{half}.conv_norm_out", f"{half}.norm_out"),
        (f"{half}.conv_out", f"{half}.conv_out"),
    )
    for block in (0, 1):
        yield from _vae_resnet(f"{name}.resnets.{block}", f"{ldm}.block_{block + 1}", False)
    attention = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
    yield from _with_bias(*((f"{name}.attentions.0.{new}", f"{ldm}.attn_1.{old}") for new, old in attention.items()))


def _vae_resnet(name: str, ldm: str, shortcut: bool) -> Iterator[Pair]:
    yield from _with_bias(*((f"{name}.{layer}", f"{ldm}.{layer}") for layer in ("norm1", "conv1", "norm2", "conv2")))
    if shortcut:
        yield from _with_bias((f"{name}.conv_shortcut", f"{ldm}.nin_shortcut"))


def _text_encoder(text: TextEncoderSizes) -> Iterator[str]:
    yield "text_model.embeddings.token_embedding.weight"
    yield "text_model.embeddings.position_embedding.weight"
    layers = [f"self_attn.{letter}_proj" for letter in ("q", "k", "v", "out")]
    layers += ["layer_norm1", "mlp.fc1", "mlp.fc2", "layer_norm2"]
    for index in range(text.num_hidden_layers):
        for layer in layers:
            yield f"text_model.encoder.layers.{index}.{layer}.weight"
            yield f"text_model.encoder.layers.{index}.{layer}.bias"
    yield "text_model.final_layer_norm.weight"
    yield "text_model.final_layer_norm.bias"
