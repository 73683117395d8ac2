"""Initial weights with which the toy's VAE learns in minutes: from the start it averages blocks and upsamples smoothly.

A group norm over few channels removes the mean and the scale of an image's colors, so that a small VAE takes
hours to learn to represent "plain red". Here each color `a` travels in four channels, (p + a, p - a, -p + a, -p - a),
beside a fixed pattern `p` that survives the norm: the border of the zero padding. After norm and SiLU,
SiLU(x) - SiLU(-x) = x adds them up to `a` again. All other channels start random, all other residuals zero.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

SIGNAL_SIGNS = (1.0, -1.0, 1.0, -1.0)
PATTERN_SIGNS = (1.0, 1.0, -1.0, -1.0)
CHANNELS = 12
"""Three colors, four channels each."""
STRENGTH = 4.0
"""Standard deviation of the pattern; the larger, the less the norm distorts the colors."""
LATENT_GAIN = 3.0


@torch.no_grad()
def start_linear(vae: AutoencoderKL) -> None:
    """Set the weights; the VAE has 64 channels at each of four levels and no residual block in the encoder's."""
    untyped = cast("Any", vae)  # diffusers gives the blocks of its models no types
    encoder, decoder = untyped.encoder, untyped.decoder
    for resnet in (*encoder.mid_block.resnets, *decoder.mid_block.resnets, *_resnets(decoder)):
        _silence(resnet.conv2)
    for attention in (*encoder.mid_block.attentions, *decoder.mid_block.attentions):
        _silence(attention.to_out[0])
    box = torch.zeros(3, 3)
    box[:2, :2] = 0.25
    smooth = torch.tensor([1.0, 2.0, 1.0]) / 4
    for block in encoder.down_blocks[:3]:
        _carry(block.downsamplers[0].conv, box)
    for block in decoder.up_blocks[:3]:
        _carry(block.upsamplers[0].conv, smooth[:, None] * smooth)
    _add_pattern(encoder.mid_block.resnets[-1], untyped.config.sample_size // 8)
    _add_pattern(decoder.up_blocks[3].resnets[-1], untyped.config.sample_size)
    for conv in (untyped.quant_conv, untyped.post_quant_conv):
        _silence(conv)
        conv.weight[range(len(conv.weight)), range(len(conv.weight))] = 1
    spread = (STRENGTH**2 + 0.45) ** 0.5
    _spread_colors(encoder.conv_in, 1.0)
    _gather_colors(encoder.conv_out, LATENT_GAIN * spread / 4)
    encoder.conv_out.weight[3] *= 0.5
    encoder.conv_out.weight[4:] = 0
    encoder.conv_out.bias[4:] = -6
    _spread_colors(decoder.conv_in, 2.1 / LATENT_GAIN)
    decoder.conv_out.weight *= 0.1
    _gather_colors(decoder.conv_out, spread / 2)


def _resnets(decoder: Any) -> list[ResnetBlock2D]:
    return [resnet for block in decoder.up_blocks for resnet in block.resnets]


def _bias(layer: nn.Module) -> Tensor:
    return layer.get_parameter("bias")


def _silence(layer: nn.Module) -> None:
    layer.get_parameter("weight").zero_()
    _bias(layer).zero_()


def _carry(conv: nn.Conv2d, kernel: Tensor) -> None:
    """Each color channel stays to itself, filtered by a (3, 3) kernel."""
    conv.weight[:CHANNELS] = 0
    _bias(conv)[:CHANNELS] = 0
    conv.weight[range(CHANNELS), range(CHANNELS)] = kernel


def _spread_colors(conv: nn.Conv2d, gain: float) -> None:
    conv.weight[:CHANNELS] = 0
    _bias(conv)[:CHANNELS] = 0
    for channel in range(CHANNELS):
        conv.weight[channel, channel // 4, 1, 1] = SIGNAL_SIGNS[channel % 4] * gain


def _gather_colors(conv: nn.Conv2d, gain: float) -> None:
    conv.weight[:3] = 0 if conv.out_channels > 3 else conv.weight[:3]
    conv.weight[:, :CHANNELS] = 0
    _bias(conv)[:3] = 0
    for channel in range(CHANNELS):
        conv.weight[channel // 4, channel, 1, 1] = SIGNAL_SIGNS[channel % 4] * gain


def _add_pattern(resnet: Any, size: int) -> None:
    """Let a residual block of a size x size image add the pattern: convolving a constant varies at the border."""
    sums = torch.tensor([9.0] * (size - 2) ** 2 + [6.0] * (4 * (size - 2)) + [4.0] * 4)
    gain = STRENGTH / float(sums.std(correction=0))
    resnet.conv1.weight[:CHANNELS] = 0
    resnet.conv1.bias[:CHANNELS] = 0
    resnet.norm2.weight[:CHANNELS] = 0
    resnet.norm2.bias[:CHANNELS] = 1
    constant = float(F.silu(torch.tensor(1.0)))
    for channel in range(CHANNELS):
        resnet.conv2.weight[channel, channel] = PATTERN_SIGNS[channel % 4] * gain / constant
        resnet.conv2.bias[channel] = -PATTERN_SIGNS[channel % 4] * gain * float(sums.mean())
