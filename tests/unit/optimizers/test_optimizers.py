"""What every optimizer of the table must keep to."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sd_finetune.errors import UserError
from sd_finetune.optimizers.build import build_optimizer, evaluation_weights, implementation_of, set_learning_rates
from sd_finetune.optimizers.kept_state import kept_state, put_back
from sd_finetune.optimizers.parameter_group import ParameterGroup
from sd_finetune.settings.optimizer_arguments import optimizer_arguments
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import from_dict
from tests.optimizers import LEARNING_RATES, ROW, marks_of, optimizer_changes

OWN_OPTION = pytest.mark.parametrize(
    ("name", "option"),
    [
        pytest.param(name, option, marks=marks_of(name))
        for name in LEARNING_RATES
        for option in OPTIMIZERS[name].options
    ],
)
OTHER_VALUES = {"beta1": 0.5, "beta2": 0.5, "eps": 1e-2, "weight_decay": 0.9}
"""Far from the defaults, so that four steps show it."""
STEPS, LONG = 4, 20


def settings_with(name: str, **options: Any) -> Settings:
    content: dict[str, Any] = {
        "base": {"checkpoint": "model.safetensors"},
        "prior": {"weight": 0},
        "concepts": [{"folder": "images", "instance_prompt": "a photo of sks dog"}],
    }
    for full_name, value in {**optimizer_changes(name), **{f"optimizer.{k}": v for k, v in options.items()}}.items():
        group, _, option = full_name.partition(".")
        content.setdefault(group, {})[option] = value
    return from_dict(content)


def layers(width: int = 64) -> nn.ModuleDict:
    torch.manual_seed(3)
    return nn.ModuleDict({"unet": nn.Linear(width, width), "text_encoder": nn.Linear(width, width)})


def build(name: str, parts: nn.ModuleDict, **options: Any) -> torch.optim.Optimizer:
    rate = LEARNING_RATES[name]
    groups = [ParameterGroup(part, list(layer.parameters()), rate) for part, layer in parts.items()]
    return build_optimizer(groups, settings_with(name, **options))


def step(parts: nn.ModuleDict, optimizer: torch.optim.Optimizer, number: int) -> None:
    generator = torch.Generator().manual_seed(number)
    shown, wanted = torch.randn(2, 8, next(parts.parameters()).shape[1], generator=generator)
    loss = sum(((layer(shown) - wanted) ** 2).mean() for layer in parts.values())
    assert isinstance(loss, Tensor)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def trained(name: str, **options: Any) -> tuple[nn.ModuleDict, torch.optim.Optimizer]:
    parts = layers()
    optimizer = build(name, parts, **options)
    for number in range(STEPS):
        step(parts, optimizer, number)
    return parts, optimizer


def values(parts: nn.ModuleDict) -> Tensor:
    return torch.cat([p.detach().flatten() for p in parts.parameters()])


@ROW
def test_it_is_the_class_that_the_table_names(name: str) -> None:
    module, _, own_name = OPTIMIZERS[name].builds.rpartition(".")
    assert type(build(name, layers())) is getattr(import_module(module), own_name)


@ROW
def test_each_group_holds_what_was_asked_for(name: str) -> None:
    asked = {option: OTHER_VALUES[option] for option in OPTIMIZERS[name].options}
    optimizer = build(name, layers(), **asked)
    assert [group["name"] for group in optimizer.param_groups] == ["unet", "text_encoder"]
    for group in optimizer.param_groups:
        assert group["lr"] == group["initial_lr"] == LEARNING_RATES[name]
        arguments = optimizer_arguments(settings_with(name, **asked))
        assert {key: group[key] for key in arguments} == arguments


@ROW
def test_steps_move_the_weights(name: str) -> None:
    before, (parts, _) = layers(), trained(name)
    for old, new in zip(before.parameters(), parts.parameters(), strict=True):
        assert float((old != new).float().mean()) > 0.9


@OWN_OPTION
def test_each_of_its_options_has_an_effect(name: str, option: str) -> None:
    plain, changed = (values(trained(name, **asked)[0]) for asked in ({}, {option: OTHER_VALUES[option]}))
    assert not torch.equal(plain, changed)


@ROW
def test_weight_decay_makes_weights_smaller(name: str) -> None:
    weights = [float(values(trained(name, weight_decay=decay)[0]).norm()) for decay in (0.0, 0.9)]
    assert weights[1] < weights[0]


@ROW
def test_its_state_takes_as_much_as_the_table_says(name: str) -> None:
    parts = layers(512)  # wide, so that what is kept of biases and for all counts as little as in a model
    optimizer = build(name, parts)
    step(parts, optimizer, 0)
    kept = [v for state in optimizer.state.values() for v in state.values() if isinstance(v, Tensor) and v.numel() > 1]
    found = sum(v.numel() * v.element_size() for v in kept) / values(parts).numel()
    assert found == pytest.approx(OPTIMIZERS[name].state_bytes, abs=0.05)


@ROW
def test_the_learning_rate_follows_the_schedule(name: str) -> None:
    parts = layers()
    optimizer = build(name, parts)
    full = set_learning_rates(optimizer, name, 1.0)
    half = set_learning_rates(optimizer, name, 0.5)
    assert set(full) == {"unet", "text_encoder"}
    assert half == {group: rate / 2 for group, rate in full.items()}
    before = values(parts)
    set_learning_rates(optimizer, name, 0.0)
    step(parts, optimizer, 0)
    assert torch.equal(values(parts), before), "what was set is what the step uses"


@ROW
def test_the_curve_tells_the_learning_rate_that_is_applied(name: str) -> None:
    """What keeps a square or a sign for each weight moves it by just that in the first step; Adafactor keeps rows."""
    parts = layers()
    for p in parts.parameters():
        nn.init.zeros_(p)
    optimizer = build(name, parts)
    told = set_learning_rates(optimizer, name, 0.5)
    step(parts, optimizer, 0)
    for part, layer in parts.items():
        moved = layer.bias if name.startswith("adafactor") else layer.weight
        assert float(moved.detach().abs().median()) == pytest.approx(told[part], rel=1e-3)


@ROW
def test_the_weights_to_use_are_those_of_its_evaluation_mode_and_only_lent(name: str) -> None:
    parts, optimizer = trained(name)
    before = values(parts)
    with evaluation_weights(optimizer, name):
        used = values(parts)
    assert torch.equal(values(parts), before)
    if hasattr(optimizer, "eval"):
        optimizer.eval()
    torch.testing.assert_close(used, values(parts), rtol=1e-6, atol=1e-8)
    assert torch.equal(used, before) == (not hasattr(optimizer, "eval"))


@ROW
def test_what_it_keeps_beside_the_state_is_what_the_table_says(name: str) -> None:
    _, optimizer = trained(name)
    kept = kept_state(optimizer, name)["groups"]
    assert set(kept["unet"]) | set(kept["text_encoder"]) == set(OPTIMIZERS[name].keeps)


@ROW
def test_a_half_and_a_half_are_the_whole_to_the_bit(name: str, tmp_path: Path) -> None:
    """On one batch again and again, so that what finds its learning rate finds one."""
    whole, half, resumed = layers(), layers(), layers()
    optimizer, first, second = (build(name, parts) for parts in (whole, half, resumed))
    for _ in range(2 * LONG):
        step(whole, optimizer, 0)
    for _ in range(LONG):
        step(half, first, 0)
    if OPTIMIZERS[name].learning_rate == "multiplier":
        assert set_learning_rates(first, name, 1.0)["unet"] > 1.5 * set_learning_rates(second, name, 1.0)["unet"]
    torch.save(kept_state(first, name), tmp_path / "optimizer.pt")
    resumed.load_state_dict(half.state_dict())
    put_back(second, name, torch.load(tmp_path / "optimizer.pt", weights_only=True))
    for _ in range(LONG):
        step(resumed, second, 0)
    assert torch.equal(values(whole), values(resumed))


@ROW
def test_a_weight_with_its_channels_last_is_stepped_as_the_table_says(name: str) -> None:
    """Where it stays as it is in memory, what goes by its place there finds it after a step, too."""

    def stepped(channels_last: bool) -> tuple[Tensor, bool]:
        torch.manual_seed(2)
        kernels = nn.Conv2d(16, 32, 3, bias=False)
        if channels_last:
            kernels.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer, place = build(name, nn.ModuleDict({"unet": kernels})), kernels.weight.data_ptr()
        for number in range(STEPS):
            shown = torch.randn(2, 16, 5, 5, generator=torch.Generator().manual_seed(number))
            kernels(shown).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return kernels.weight.detach(), kernels.weight.data_ptr() == place

    (plain, _), (last, stays) = stepped(channels_last=False), stepped(channels_last=True)
    assert stays == OPTIMIZERS[name].keeps_layout
    error = float((last - plain).norm() / plain.norm())
    assert error < (1e-5 if stays else 1e-2), "an optimizer in 8 bits has its blocks elsewhere"


def test_a_missing_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(OPTIMIZERS["adamw"], package="not_installed"))
    with pytest.raises(UserError, match=r"needs the package not_installed, .* -m pip install not_installed"):
        implementation_of("adamw")
