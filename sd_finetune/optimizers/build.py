"""Optimizers by name: one file each, named as in the table of `settings.optimizers`, which names the class in it."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..settings.availability import why_unavailable
from ..settings.optimizers import OPTIMIZERS
from ..settings.options import Settings
from .bf16_weights import weight_of
from .optimizer import Group, Implementation, Rate
from .parameter_group import ParameterGroup


def build_optimizer(groups: Sequence[ParameterGroup], settings: Settings) -> torch.optim.Optimizer:
    """The settings' optimizer; each of its groups keeps its name and the learning rate asked for (`initial_lr`).

    What does not decay is in groups of its own, of the same name. All know which of all parameters theirs are
    (`numbers`).

    Raises:
        UserError: the package that it needs is not installed.
    """
    rows: list[Group] = []
    numbers = count()
    for group in groups:
        numbered = [(next(numbers), parameter) for parameter in group.parameters]
        spared = group.undecayed if settings.weight_decay() else frozenset[nn.Parameter]()
        for decays in (True, False):
            own = [(number, parameter) for number, parameter in numbered if (parameter not in spared) == decays]
            if own:
                rows.append(_row(group, own, decays))
    return implementation_of(settings.optimizer.name).build(rows, settings)


def _row(group: ParameterGroup, numbered: Sequence[tuple[int, nn.Parameter]], decays: bool) -> Group:
    numbers, parameters = zip(*numbered, strict=True)
    rate = group.learning_rate
    row = {"params": list(parameters), "numbers": list(numbers), "lr": rate, "initial_lr": rate, "name": group.name}
    return row if decays else {**row, "weight_decay": 0.0}


def set_learning_rates(
    optimizer: torch.optim.Optimizer, name: str, factors: float | Mapping[str, float]
) -> dict[str, Rate]:
    """Have the next step use `factors` times the learning rates asked for; what it applies then, by group.

    name: the optimizer's, in the settings. factors: one for all groups, or one for each by its name.
    """
    own = _class_of(name)
    for group in optimizer.param_groups:
        own.set_learning_rate(group, factors[group["name"]] if isinstance(factors, Mapping) else factors)
    return _applied(optimizer, name)


def applied_learning_rates(optimizer: torch.optim.Optimizer, name: str) -> dict[str, float]:
    """The learning rates of the step that is made, by group; it waits for the device. name: as above."""
    return {group: float(rate) for group, rate in _applied(optimizer, name).items()}


def _applied(optimizer: torch.optim.Optimizer, name: str) -> dict[str, Rate]:
    """By group. Where weights have learning rates of their own, that is their mean."""
    own = _class_of(name)
    found: dict[str, list[tuple[Rate, int]]] = {}
    for group in optimizer.param_groups:
        rate = own.applied_learning_rate(group)
        found.setdefault(group["name"], []).append((rate, len(group["params"])))
    return {group: _mean(rates) for group, rates in found.items()}


def _mean(rates: Sequence[tuple[Rate, int]]) -> Rate:
    """Of rates, each with how many have it; to the bit where all are one."""
    if len({rate for rate, _ in rates}) == 1:
        return rates[0][0]
    return sum(rate * number for rate, number in rates) / sum(number for _, number in rates)


def has_evaluation_weights(name: str) -> bool:
    """Whether the optimizer has other weights to be used than those that train."""
    return _class_of(name).weight_to_use is not Implementation.weight_to_use


@contextmanager
def evaluation_weights(optimizer: torch.optim.Optimizer, name: str) -> Generator[None, None, None]:
    """What is trained as it is to be used and saved, for as long as the block runs. name: as above.

    Afterwards it is what it was to the bit, which computing it back would not give.
    """
    if not has_evaluation_weights(name):
        yield
        return
    own, changed = _class_of(name), list[tuple[Tensor, Tensor]]()
    try:
        for group in optimizer.param_groups:
            for known_as in group["params"]:
                changed += _put_to_use(own, known_as, group, optimizer.state.get(known_as, {}))
        yield
    finally:
        for weight, trains in changed:
            weight.data.copy_(trains)


@torch.no_grad()
def _put_to_use(
    own: type[Implementation], known_as: nn.Parameter, group: Group, state: Mapping[str, Any]
) -> list[tuple[Tensor, Tensor]]:
    """Give a weight the value that is to be used; the weight and its earlier value if that is another."""
    weight = weight_of(known_as)
    trains = weight.detach().float()
    to_use = own.weight_to_use(trains, group, state)
    if to_use is trains:
        return []
    before = weight.detach().to("cpu", copy=True)
    weight.copy_(to_use)
    return [(weight, before)]


def implementation_of(name: str, on_gpu: bool = True) -> type[Implementation]:
    """The class of the optimizer that `settings.optimizer.name` calls `name`. on_gpu: whether training runs on one.

    Raises:
        UserError: the package that it needs is not installed, or it needs a GPU.
    """
    unavailable = why_unavailable("optimizer.name", name, on_gpu)
    if unavailable:
        raise UserError(unavailable)
    return _class_of(name)


def _class_of(name: str) -> type[Implementation]:
    """The same of an optimizer that has been built: to ask for its package again would take longer than a step."""
    return getattr(import_module(f".{name}", __package__), OPTIMIZERS[name].implementation)
