"""Frozen weights in 8 bits: rounded no more than said, and nothing else of a layer changes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from sd_finetune.training.compute.eight_bits import KINDS, keep_in_8_bits


def small(dtype: torch.dtype = torch.float32) -> nn.ModuleDict:
    """A UNet's blocks as far as matters here, and what is around them."""
    torch.manual_seed(0)
    blocks = nn.ModuleList([nn.Linear(64, 32), nn.Conv2d(32, 16, 3, stride=2, padding=1), nn.GroupNorm(4, 32)])
    return nn.ModuleDict({"conv_in": nn.Conv2d(4, 32, 3), "down_blocks": blocks}).requires_grad_(False).to(dtype)


def output(layer: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """What a layer answers, and the gradient of its input."""
    x = x.clone().requires_grad_(True)
    answer = layer(x)
    answer.float().square().sum().backward()
    assert x.grad is not None
    return answer.detach(), x.grad


INPUTS = {0: (3, 5, 64), 1: (2, 32, 9, 9)}


KIND = pytest.mark.parametrize("kind", KINDS)


@KIND
@pytest.mark.parametrize("place", INPUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_layer_answers_as_with_the_rounded_weight(kind: str, place: int, dtype: torch.dtype) -> None:
    unet, plain = small(), small()
    layer: Any = unet["down_blocks"][place]  # type: ignore[index]
    keep_in_8_bits(unet, kind)
    unet.to(dtype)
    assert layer.weight.dtype == KINDS[kind]
    assert layer.bias.dtype == dtype
    own: Any = plain.to(dtype)["down_blocks"][place]  # type: ignore[index]
    rounded = layer.weight.to(dtype) * layer.weight_scale
    error, weight, scale = (rounded - own.weight).float().abs(), own.weight.float().abs(), layer.weight_scale.float()
    step = weight / 8 + scale * 2**-9 if kind == "fp8" else scale
    assert (error <= step / 2 + weight * torch.finfo(dtype).eps).all()
    own.weight = nn.Parameter(rounded, requires_grad=False)
    x = torch.randn(INPUTS[place], dtype=dtype)
    for found, wanted in zip(output(layer, x), output(own, x), strict=True):
        torch.testing.assert_close(found, wanted)


@KIND
def test_small_weights_are_rounded_no_more_than_large_ones(kind: str) -> None:
    unet = small()
    layer: Any = unet["down_blocks"][0]  # type: ignore[index]
    layer.weight[0] *= 1e-3
    plain = layer.weight.clone()
    keep_in_8_bits(unet, kind)
    unet.to(torch.float32)
    error = (layer.weight.float() * layer.weight_scale - plain).norm(dim=1) / plain.norm(dim=1)
    assert error.max() < (0.04 if kind == "fp8" else 0.01)


@KIND
def test_nothing_but_the_weights_of_blocks_is_kept_so(kind: str) -> None:
    unet = small()
    keep_in_8_bits(unet, kind)
    unet.to(torch.float32)
    kept = [name for name, value in unet.named_parameters() if value.dtype == KINDS[kind]]
    assert kept == ["down_blocks.0.weight", "down_blocks.1.weight"]
    assert list(unet.state_dict()) == list(small().state_dict())


@KIND
def test_moving_and_casting_round_no_second_time(kind: str) -> None:
    unet = small()
    keep_in_8_bits(unet, kind)
    unet.to(torch.bfloat16)
    layer: Any = unet["down_blocks"][1]  # type: ignore[index]
    before = layer.weight.float() * layer.weight_scale
    unet.to(memory_format=torch.channels_last).to(torch.float32).to("cpu")
    assert layer.weight.dtype == KINDS[kind]
    assert torch.equal(layer.weight.float() * layer.weight_scale, before)


@KIND
def test_no_converted_weight_waits_for_the_backward_pass(kind: str) -> None:
    unet = small()
    keep_in_8_bits(unet, kind)
    unet.to(torch.bfloat16)
    saved: list[Tensor] = []
    with saved_tensors_hooks(lambda tensor: saved.append(tensor) or tensor, lambda tensor: tensor):
        for place, shape in INPUTS.items():
            layer: Any = unet["down_blocks"][place]  # type: ignore[index]
            layer(torch.randn(shape, requires_grad=True))
    whole = [tuple(each.shape) for each in saved if each.dtype != KINDS[kind] and each.numel() > 32]
    assert whole == []


@KIND
def test_layers_are_given_their_own_way_back(kind: str) -> None:
    unet = small()
    undo = keep_in_8_bits(unet, kind)
    unet.to(torch.float32)
    rounded: Any = unet["down_blocks"][0]  # type: ignore[index]
    answer = rounded(torch.ones(1, 64))
    undo()
    assert {type(module) for module in unet.modules()} == {type(module) for module in small().modules()}
    assert {value.dtype for value in unet.parameters()} == {torch.float32}
    assert list(dict(unet.named_buffers())) == []
    assert torch.equal(rounded(torch.ones(1, 64)), answer)
