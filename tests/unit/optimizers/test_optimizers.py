"""What every optimizer of the table must keep to."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any
from weakref import finalize

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from sd_finetune.errors import UserError
from sd_finetune.optimizers import build as building
from sd_finetune.optimizers.build import build_optimizer, evaluation_weights, implementation_of, set_learning_rates
from sd_finetune.optimizers.kept_state import kept_state, put_back
from sd_finetune.optimizers.parameter_group import ParameterGroup, biases_norms_and_embeddings
from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.optimizer_arguments import optimizer_arguments
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import from_dict
from tests.optimizers import LEARNING_RATES, ROW, marks_of, optimizer_changes

OWN_OPTION = pytest.mark.parametrize(
    ("name", "option"),
    [pytest.param(name, option, marks=marks_of(name)) for name in OPTIMIZERS for option in OPTIMIZERS[name].options],
)
OTHER_VALUES = {"beta1": 0.5, "beta2": 0.5, "beta3": 0.5, "eps": 1e-2, "weight_decay": 0.9}
"""Far from the defaults, so that four steps show it."""
STEPS, LONG = 4, 20
BY_ROWS = {"adafactor", "adafactor_relative", "came"}
"""They keep rows and columns of squares, so that the values of a matrix do not go equally far."""
FIRST_STEP = {"adopt": 0.0, "came": 0.1}
"""How far the first step goes, in learning rates, where not by 1: ADOPT has no squares yet, CAME its moment alone."""


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


def build(name: str, parts: nn.ModuleDict, spared: bool = False, **options: Any) -> torch.optim.Optimizer:
    """spared: whether biases do not decay."""
    rate, undecayed = LEARNING_RATES[name], biases_norms_and_embeddings([parts] if spared else [])
    groups = [ParameterGroup(part, list(layer.parameters()), rate, undecayed) for part, layer in parts.items()]
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


@OWN_OPTION
def test_its_own_default_is_what_auto_is(name: str, option: str) -> None:
    usual = OPTIMIZERS[name].options[option]
    if usual is not None:
        assert torch.equal(values(trained(name)[0]), values(trained(name, **{option: usual})[0]))


@OWN_OPTION
@pytest.mark.parametrize("bound", ["minimum", "maximum"])
def test_it_learns_with_the_least_and_the_most_of_an_option(name: str, option: str, bound: str) -> None:
    """Or that is refused. Of the decay there is no most."""
    facts = all_options()[f"optimizer.{option}"].option
    value = getattr(facts, bound)
    if value is None or (value == 0 and option in OPTIMIZERS[name].above_0):
        return
    parts, optimizer = trained(name, **{option: value})
    with evaluation_weights(optimizer, name):
        assert values(parts).isfinite().all()
        assert not torch.equal(values(parts), values(layers()))


@ROW
def test_weight_decay_makes_weights_smaller(name: str) -> None:
    weights = [float(values(trained(name, weight_decay=decay)[0]).norm()) for decay in (0.0, 0.9)]
    assert weights[1] < weights[0]


@ROW
def test_what_does_not_decay_is_stepped_as_if_there_were_no_decay(name: str) -> None:
    plain, decayed = layers(), layers()
    for parts, options in ((plain, {"weight_decay": 0.0}), (decayed, {"weight_decay": 0.9, "spared": True})):
        optimizer = build(name, parts, **options)
        for _ in range(2):  # gradients of the second step already differ
            rates = set_learning_rates(optimizer, name, 1.0)
            for p in parts.parameters():
                p.grad = torch.ones_like(p)
            optimizer.step()
    assert set(rates) == {"unet", "text_encoder"}
    for part in plain:
        one, other = (parts[part] for parts in (plain, decayed))
        if name != "prodigy":  # whose learning rate depends on how far all weights have come
            assert torch.equal(one.bias, other.bias)
        assert float(other.weight.detach().norm()) < float(one.weight.detach().norm())


@ROW
def test_each_weight_finds_its_state_again_when_what_decays_is_changed(name: str, tmp_path: Path) -> None:
    parts, other = layers(), layers()
    first, second = build(name, parts, weight_decay=0.0), build(name, other, spared=True, weight_decay=0.9)
    assert (len(first.param_groups), len(second.param_groups)) == (2, 4)
    for number in range(2):
        step(parts, first, number)
    for there, back in ((first, second), (second, build(name, other, weight_decay=0.0))):
        torch.save(kept_state(there, name), tmp_path / "optimizer.pt")
        put_back(back, name, torch.load(tmp_path / "optimizer.pt", weights_only=True))
        expected, found = states_in_order(first), states_in_order(back)
        assert [state.keys() for state in found] == [state.keys() for state in expected]
        for value, same in zip(*([v for s in states for v in s.values()] for states in (expected, found)), strict=True):
            assert torch.equal(value, same) if isinstance(value, Tensor) else value == same


def states_in_order(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """What is kept of each of the parameters, in the order of all."""
    numbered = [
        pair for group in optimizer.param_groups for pair in zip(group["numbers"], group["params"], strict=True)
    ]
    return [optimizer.state[p] for _, p in sorted(numbered, key=lambda pair: pair[0])]


class Held(TorchDispatchMode):
    """Counts the bytes of what is made while it is active, and how many of them there were at most at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {t.untyped_storage().data_ptr() for t in _tensors((args, kwargs))}
        made = func(*args, **(kwargs or {}))
        for tensor in _tensors(made):
            if tensor.untyped_storage().data_ptr() not in given:
                size = tensor.numel() * tensor.element_size()
                self.now += size
                finalize(tensor, self._freed, size)
        self.most = max(self.most, self.now)
        return made

    def _freed(self, size: int) -> None:
        self.now -= size


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, Tensor)]


@pytest.mark.parametrize("name", [name for name, facts in OPTIMIZERS.items() if facts.package == "pytorch_optimizer"])
def test_a_step_takes_as_much_as_the_table_says(name: str) -> None:
    """On a CPU Prodigy steps one weight after the other, on a GPU all at once."""
    pytest.importorskip("pytorch_optimizer")
    parts = nn.ModuleDict({"unet": nn.ModuleList(nn.Linear(32, 32) for _ in range(40))})  # many, in one group
    optimizer = build(name, parts)
    optimizer.param_groups[0]["foreach"] = True
    for p in parts.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    for p in parts.parameters():
        p.grad = torch.ones_like(p)
    with Held() as held:
        optimizer.step()
    assert held.most / values(parts).numel() == pytest.approx(OPTIMIZERS[name].step_bytes, abs=0.3)


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
    """What keeps a square or a sign for each weight moves it by just that in the first step."""
    parts = layers()
    for p in parts.parameters():
        nn.init.zeros_(p)
    optimizer = build(name, parts)
    told = set_learning_rates(optimizer, name, 0.5)
    step(parts, optimizer, 0)
    for part, layer in parts.items():
        moved = layer.bias if name in BY_ROWS else layer.weight
        expected = FIRST_STEP.get(name, 1.0) * float(told[part])
        assert float(moved.detach().abs().median()) == pytest.approx(expected, rel=1e-3)


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


def test_its_package_is_not_asked_for_again_in_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """That reads the package's metadata, which takes longer than a step of the optimizer."""
    parts, optimizer = trained("adamw")
    asked: list[str] = []
    monkeypatch.setattr(building, "why_unavailable", lambda option, name, on_gpu: asked.append(name) or "")
    set_learning_rates(optimizer, "adamw", 0.5)
    with evaluation_weights(optimizer, "adamw"):
        step(parts, optimizer, 1)
    assert asked == []
    build("adamw", layers())
    assert asked == ["adamw"], "but where it is built"
