"""Optimizers by the names of the settings."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..methods.method import ParameterGroup
from ..settings.options import Settings


def build_optimizer(groups: Sequence[ParameterGroup], settings: Settings) -> torch.optim.Optimizer:
    """The optimizer over all groups; each keeps its name and its full rate (`initial_lr`) beside its parameters."""
    rows = [
        {"params": g.parameters, "lr": g.learning_rate, "initial_lr": g.learning_rate, "name": g.name} for g in groups
    ]
    wanted = settings.optimizer
    return torch.optim.AdamW(
        rows, betas=(wanted.beta1, wanted.beta2), eps=wanted.eps, weight_decay=settings.weight_decay()
    )
