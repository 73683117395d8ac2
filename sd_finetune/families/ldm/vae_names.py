"""The names of a VAE's tensors in diffusers' module and in LDM's layout."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .pairs import Pair, with_bias
from .sizes import VaeSizes

_LAYERS = {
    "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out", "query": "q", "key": "k", "value": "v",
    "proj_attn": "proj_out", "group_norm": "norm",
}  # fmt: skip
"""Diffusers' names of the attention's layers, new and old, and LDM's."""
_NEW = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""Diffusers' names of them, old and new."""
_OLD_IN_MODULE = re.compile(rf"(\.mid_block\.attentions\.0\.)({'|'.join(_NEW)})(?=\.)")
_ATTENTION = re.compile(rf"(\.mid\.attn_1\.)({'|'.join(map(re.escape, _LAYERS))})(?=\.)")


def usual_vae_name(file_name: str) -> str:
    """LDM's name of a tensor: files converted from diffusers have that library's names, of any version, in the
    attention.

    Of a tensor that has the name of diffusers' module altogether, its newest one.
    """
    ldm = _ATTENTION.sub(lambda match: match[1] + _LAYERS[match[2]], file_name)
    return _OLD_IN_MODULE.sub(lambda match: match[1] + _NEW[match[2]], ldm)


def vae_names(vae: VaeSizes) -> Iterator[Pair]:
    """In the order of the network."""
    yield from with_bias(*((layer, layer) for layer in ("quant_conv", "post_quant_conv")))
    levels, last = vae.level_channels, len(vae.ch_mult) - 1
    channels = vae.ch
    for level, out in enumerate(levels):
        name, ldm = f"encoder.down_blocks.{level}", f"encoder.down.{level}"
        yield from _vae_level(name, ldm, vae.num_res_blocks, channels != out)
        if level != last:
            yield from with_bias((f"{name}.downsamplers.0.conv", f"{ldm}.downsample.conv"))
        channels = out
    # LDM counts the decoder's levels as the encoder's, diffusers in the order in which they run.
    for level in reversed(range(last + 1)):
        name, ldm = f"decoder.up_blocks.{last - level}", f"decoder.up.{level}"
        yield from _vae_level(name, ldm, vae.num_res_blocks + 1, channels != levels[level])
        if level:
            yield from with_bias((f"{name}.upsamplers.0.conv", f"{ldm}.upsample.conv"))
        channels = levels[level]
    for half in ("encoder", "decoder"):
        yield from _vae_ends(half)


def _vae_level(name: str, ldm: str, blocks: int, widens: bool) -> Iterator[Pair]:
    for block in range(blocks):
        yield from _vae_resnet(f"{name}.resnets.{block}", f"{ldm}.block.{block}", widens and block == 0)


def _vae_ends(half: str) -> Iterator[Pair]:
    name, ldm = f"{half}.mid_block", f"{half}.mid"
    yield from with_bias(
        (f"{half}.conv_in", f"{half}.conv_in"),
        (f"{half}.conv_norm_out", f"{half}.norm_out"),
        (f"{half}.conv_out", f"{half}.conv_out"),
    )
    for block in (0, 1):
        yield from _vae_resnet(f"{name}.resnets.{block}", f"{ldm}.block_{block + 1}", False)
    attention = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
    yield from with_bias(*((f"{name}.attentions.0.{new}", f"{ldm}.attn_1.{old}") for new, old in attention.items()))


def _vae_resnet(name: str, ldm: str, shortcut: bool) -> Iterator[Pair]:
    yield from with_bias(*((f"{name}.{layer}", f"{ldm}.{layer}") for layer in ("norm1", "conv1", "norm2", "conv2")))
    if shortcut:
        yield from with_bias((f"{name}.conv_shortcut", f"{ldm}.nin_shortcut"))
