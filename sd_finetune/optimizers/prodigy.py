"""Prodigy (arXiv 2306.06101, algorithm 4): AdamW that finds its learning rate while training.

That rate, `d`, starts at 1e-6 and only grows, by how far weights have come along their gradients. All groups share it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pytorch_optimizer import Prodigy as Collected

from ..settings.optimizer_arguments import optimizer_arguments
from ..settings.options import Settings
from .optimizer import Group, Implementation


class Prodigy(Implementation):
    """pytorch_optimizer.Prodigy."""

    @staticmethod
    def build(groups: Sequence[Group], settings: Settings) -> torch.optim.Optimizer:
        """The optimizer with the settings' betas, eps and weight decay."""
        return Collected(groups, **optimizer_arguments(settings))

    @staticmethod
    def applied_learning_rate(group: Group) -> float:
        """d times the learning rate asked for; d is what the last step found."""
        return group["d"] * group["lr"]
