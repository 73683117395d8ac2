"""Optimizers by name: one file each, named as in the table of `settings.optimizers`, which names the class in it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib import import_module

import torch

from ..errors import UserError
from ..methods.method import ParameterGroup
from ..settings.optimizer_availability import why_unavailable
from ..settings.optimizers import OPTIMIZERS
from ..settings.options import Settings
from .optimizer import Implementation


def build_optimizer(groups: Sequence[ParameterGroup], settings: Settings) -> torch.optim.Optimizer:
    """The settings' optimizer; each of its groups keeps its name and the learning rate asked for (`initial_lr`).

    Raises:
        UserError: the package that it needs is not installed.
    """
    rows = [
        {"params": g.parameters, "lr": g.learning_rate, "initial_lr": g.learning_rate, "name": g.name} for g in groups
    ]
    return implementation_of(settings.optimizer.name).build(rows, settings)


def set_learning_rates(optimizer: torch.optim.Optimizer, name: str, factor: float) -> dict[str, float]:
    """Have the next step use `factor` times the learning rates asked for; what it applies then, by group.

    name: the optimizer's, in the settings. factor: see `schedules.learning_rate_factor`.
    """
    own = implementation_of(name)
    for group in optimizer.param_groups:
        own.set_learning_rate(group, factor)
    return {group["name"]: own.applied_learning_rate(group) for group in optimizer.param_groups}


def evaluation_weights(optimizer: torch.optim.Optimizer, name: str) -> AbstractContextManager[None]:
    """What is trained as it is to be used and saved, for as long as the block runs. name: as above."""
    return implementation_of(name).evaluation_weights(optimizer)


def implementation_of(name: str, on_gpu: bool = True) -> type[Implementation]:
    """The class of the optimizer that `settings.optimizer.name` calls `name`. on_gpu: whether training runs on one.

    Raises:
        UserError: the package that it needs is not installed, or it needs a GPU.
    """
    unavailable = why_unavailable(name, on_gpu)
    if unavailable:
        raise UserError(unavailable)
    return getattr(import_module(f".{name}", __package__), OPTIMIZERS[name].implementation)
