from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sd_finetune.families.ldm.lora_targets import lora_targets
from sd_finetune.networks.adapter import AdapterNetwork
from sd_finetune.networks.algorithms import ALGORITHMS, new_adapter_network
from sd_finetune.networks.dropout import Dropout, dropped
from sd_finetune.networks.lora import LoraLayer

LAYERS = [nn.Linear(6, 5), nn.Conv2d(6, 5, 1), nn.Conv2d(6, 5, 3, stride=2, padding=1)]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def input_of(layer: nn.Module) -> torch.Tensor:
    shape = (2, 6) if isinstance(layer, nn.Linear) else (2, 6, 8, 8)
    return torch.randn(shape, generator=generator())


def new_lora(targets: dict[str, nn.Module], rank: int, alpha: float, generator: torch.Generator) -> AdapterNetwork:
    return new_adapter_network(targets, ALGORITHMS["lora"], rank, alpha, generator)


def perturbed(network: AdapterNetwork) -> AdapterNetwork:
    for _, layer in network.named_layers():
        nn.init.normal_(layer.up.weight)
    return network


@pytest.mark.parametrize("layer", LAYERS, ids=["linear", "1x1", "3x3"])
def test_it_adds_scaled_up_times_down(layer: nn.Module) -> None:
    network = perturbed(new_lora({"layer": layer}, 3, 1.5, generator()))
    x, (_, lora) = input_of(layer), next(network.named_layers())
    merged = 0.5 * torch.einsum("or,r...->o...", lora.up.weight.flatten(1), lora.down.weight)
    before = layer(x)
    network.attach()
    attached = layer(x)
    network.detach()
    change = lora.change().change_of(layer.weight.detach()).detach()
    torch.testing.assert_close(change, merged)
    weight = layer.weight.data
    layer.weight.data = weight + change
    torch.testing.assert_close(attached, layer(x), rtol=1e-4, atol=1e-5)
    layer.weight.data = weight
    assert torch.equal(layer(x), before)
    assert not torch.allclose(attached, before, atol=1e-2)


def test_it_starts_without_effect_and_by_its_seed() -> None:
    layer = nn.Linear(6, 5)
    first, again, other = (LoraLayer(layer, 3, 3, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first(input_of(layer)), torch.zeros(2, 5))
    assert torch.equal(first.down.weight, again.down.weight)
    assert not torch.equal(first.down.weight, other.down.weight)
    assert 0.3 < first.down.weight.abs().max() <= 6**-0.5


def test_two_at_once_are_refused() -> None:
    layer = nn.Linear(6, 5)
    new_lora({"here": layer}, 3, 3, generator()).attach()
    with pytest.raises(RuntimeError, match="here already has another layer"):
        new_lora({"here": layer}, 3, 3, generator()).attach()


def test_detached_for_a_while() -> None:
    layer = nn.Linear(6, 5)
    network = perturbed(new_lora({"layer": layer}, 3, 3, generator()))
    x = input_of(layer)
    base = layer(x)
    network.attach()
    attached = layer(x)
    with network.detached():
        assert torch.equal(layer(x), base)
    assert torch.equal(layer(x), attached)


def test_no_lora_for_other_layers() -> None:
    with pytest.raises(TypeError, match="LayerNorm"):
        LoraLayer(nn.LayerNorm(3), 1, 1, generator())


def test_targets_are_where_they_belong() -> None:
    block = nn.ModuleDict({"proj_in": nn.Conv2d(2, 2, 1), "norm": nn.LayerNorm(2), "conv": nn.Conv2d(2, 2, 3)})
    unet = nn.ModuleDict({"attentions": nn.ModuleList([block]), "time": nn.Linear(2, 2)})
    assert list(lora_targets("unet", unet)) == ["attentions.0.proj_in"]
    text = nn.ModuleDict({"self_attn": nn.ModuleDict({"q": nn.Linear(2, 2)}), "mlp": nn.ModuleDict({})})
    outer = nn.ModuleDict({"0": text, "head": nn.Linear(2, 2)})
    assert list(lora_targets("text_encoder", outer)) == ["0.self_attn.q"]


@pytest.mark.parametrize("layer", LAYERS, ids=["linear", "1x1", "3x3"])
@pytest.mark.parametrize("half", [False, True], ids=["fp32", "autocast"])
def test_beside_a_layer_it_is_the_sum_and_so_are_the_gradients(layer: nn.Module, half: bool) -> None:
    lora = LoraLayer(layer, 3, 2, generator())
    nn.init.normal_(lora.up.weight)
    forward = partial(type(layer).forward, layer)
    results: list[tuple[Any, ...]] = []
    for together in (False, True):
        x = input_of(layer)
        x = (x[None] if isinstance(layer, nn.Linear) else x).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            output = lora.beside(forward, x) if together else forward(x) + lora(x)
        assert output.dtype == (torch.bfloat16 if half else torch.float32)
        lora.zero_grad()
        output.float().square().sum().backward()
        results.append((output.float(), x.grad, lora.down.weight.grad, lora.up.weight.grad))
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=3e-2 if half else 1e-5, atol=1e-1 if half else 1e-5)


@pytest.mark.parametrize(
    ("rates", "error"),
    [
        (Dropout(values=0.5), lambda kept: (~kept).float().mean() - 0.5),
        (Dropout(ranks=0.5), lambda kept: kept.float().std(dim=1).max()),  # the same for all of an image's tokens
    ],
    ids=["values", "ranks"],
)
def test_what_is_left_out(rates: Dropout, error: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    found = dropped(torch.ones(32, 40, 8), rates, rank_side=-1)
    assert abs(float(error(found != 0))) < 0.02
    assert set(found.unique().tolist()) == {0.0, 2.0}, "what is kept stands for the rest"


@pytest.mark.parametrize("layer", LAYERS, ids=["linear", "1x1", "3x3"])
def test_dropout_is_for_training_alone(layer: nn.Module) -> None:
    lora = LoraLayer(layer, 3, 2, generator())
    nn.init.normal_(lora.up.weight)
    x = input_of(layer)[None] if isinstance(layer, nn.Linear) else input_of(layer)
    forward = partial(type(layer).forward, layer)
    expected = lora.beside(forward, x)
    lora.dropout = Dropout(0.3, 0.3)
    torch.manual_seed(1)
    assert not torch.equal(lora.beside(forward, x), expected)
    assert torch.equal(lora.eval().beside(forward, x), expected)
