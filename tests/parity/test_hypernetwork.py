"""An attention with hypernetworks against the WebUI's arithmetic, written anew in plain torch and float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from sd_finetune.formats.hypernetwork import HypernetworkFile, HypernetworkShape, read_hypernetwork, write_hypernetwork
from sd_finetune.networks.hypernetwork import HypernetworkModule, hypernetwork_from_file

ACTIVATIONS: dict[str, Any] = {"linear": None, "relu": F.relu, "swish": F.hardswish, "leakyrelu": F.leaky_relu}
SHAPES = [
    HypernetworkShape(),
    HypernetworkShape((1, 2, 1), "relu"),
    HypernetworkShape((1, 1.5, 2, 1), "swish", True, (0, 0.3, 0.3, 0)),
    HypernetworkShape((1, 2, 1), "leakyrelu", True, (0, 0.2, 0.1), True),
]
TEXT, IMAGE, HEADS = 12, 8, 2


def h(x: Tensor, content: dict[Any, Any], weights: dict[str, Tensor], multiplier: float) -> Tensor:
    """x + mlp(x) * multiplier from a file as it was saved; dropout is off where it is used."""
    y, place = x, 0
    count = len(content["layer_structure"]) - 1
    for layer in range(1, count + 1):
        y = y @ weights[f"linear.{place}.weight"].double().T + weights[f"linear.{place}.bias"].double()
        place += 1
        if content["activation_func"] != "linear" and (layer < count or content["activate_output"]):
            y, place = ACTIVATIONS[content["activation_func"]](y), place + 1
        if content["is_layer_norm"]:
            mean, variance = y.mean(-1, keepdim=True), y.var(-1, keepdim=True, unbiased=False)
            scale, shift = (weights[f"linear.{place}.{kind}"].double() for kind in ("weight", "bias"))
            y, place = (y - mean) / (variance + 1e-5).sqrt() * scale + shift, place + 1
        if content["dropout_structure"][layer]:
            place += 1
    return x + y * multiplier


def attention(a: Attention, x: Tensor, context: Tensor, files: list[tuple[dict[Any, Any], float]]) -> Tensor:
    """softmax(q k^T / sqrt(d)) v with k and v of contexts that went through each file in turn."""
    for_keys = for_values = context
    for content, multiplier in files:
        if context.shape[2] in content:
            to_k, to_v = content[context.shape[2]]
            for_keys, for_values = h(for_keys, content, to_k, multiplier), h(for_values, content, to_v, multiplier)
    q, k, v = x @ a.to_q.weight.T, for_keys @ a.to_k.weight.T, for_values @ a.to_v.weight.T
    width = q.shape[-1] // HEADS
    out = [
        torch.softmax(qh @ kh.transpose(1, 2) / width**0.5, dim=-1) @ vh
        for qh, kh, vh in zip(q.split(width, -1), k.split(width, -1), v.split(width, -1), strict=True)
    ]
    return torch.cat(out, -1) @ a.to_out[0].weight.T + a.to_out[0].bias


def perturbed_file(path: Path, shape: HypernetworkShape, widths: list[int], generator: torch.Generator) -> Path:
    pairs = {}
    for width in widths:
        modules = [HypernetworkModule(width, shape) for _ in "kv"]
        for module in modules:
            for value in module.parameters():
                value.data = 0.4 * torch.randn(value.shape, generator=generator)
        pairs[width] = tuple(module.state_dict() for module in modules)
    write_hypernetwork(path, HypernetworkFile(shape, pairs), "fp32")
    return path


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.layer_structure} {shape.activation}")
@pytest.mark.parametrize("width", [TEXT, IMAGE], ids=["cross", "self"])
def test_keys_and_values_are_the_webuis(tmp_path: Path, shape: HypernetworkShape, width: int) -> None:
    generator = torch.Generator().manual_seed(3)
    cross = width == TEXT
    module = Attention(query_dim=IMAGE, cross_attention_dim=TEXT if cross else None, heads=HEADS, dim_head=4)
    model = nn.ModuleList([module.double()])
    x = torch.randn(2, 9, IMAGE, generator=generator, dtype=torch.float64)
    text = torch.randn(2, 5, TEXT, generator=generator, dtype=torch.float64) if cross else None
    files = [
        (perturbed_file(tmp_path / "a.pt", shape, [TEXT, IMAGE], generator), 1.0),
        (perturbed_file(tmp_path / "b.pt", HypernetworkShape(activation="relu"), [width, 640], generator), 0.6),
        (perturbed_file(tmp_path / "c.pt", shape, [width], generator), -0.3),
    ]
    for count in range(4):
        used = files[:count]
        contents = [(torch.load(path, weights_only=True), multiplier) for path, multiplier in used]
        expected = attention(module, x, x if text is None else text, contents)
        networks = []
        for path, multiplier in used:
            network = hypernetwork_from_file(model, read_hypernetwork(path)).double().eval()
            for _, for_keys, for_values in network.modules_by_width():
                for_keys.multiplier = for_values.multiplier = multiplier
            network.attach()
            networks.append(network)
        found = module(x, encoder_hidden_states=text)
        for network in networks:
            network.detach()
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
        if count:
            assert not torch.allclose(found, module(x, encoder_hidden_states=text), rtol=1e-2)
