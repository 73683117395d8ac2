"""Schedule-free AdamW (arXiv 2405.15682, algorithm 1).

Gradients are taken at y = (1 - β1) z + β1 x, where z are AdamW's weights and x is their average. The parameters hold y,
the state holds z, and x is what is to be used.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import torch
from pytorch_optimizer import ScheduleFreeAdamW

from ..settings.optimizer_arguments import optimizer_arguments
from ..settings.options import Settings
from .optimizer import Group, Implementation


class AdamWScheduleFree(Implementation):
    """pytorch_optimizer.ScheduleFreeAdamW."""

    @staticmethod
    def build(groups: Sequence[Group], settings: Settings) -> torch.optim.Optimizer:
        """The optimizer with the settings' betas, eps and weight decay."""
        return ScheduleFreeAdamW(groups, **optimizer_arguments(settings))

    @staticmethod
    @contextmanager
    def evaluation_weights(optimizer: torch.optim.Optimizer) -> Generator[None, None, None]:
        """x for y; afterwards y is what it was to the bit, which computing it from x would not give."""
        trained = [(p, p.detach().to("cpu", copy=True)) for group in optimizer.param_groups for p in group["params"]]
        for group in optimizer.param_groups:
            beta1 = group["betas"][0]
            for p in group["params"]:
                if "z" in optimizer.state[p]:
                    p.data.lerp_(optimizer.state[p]["z"], 1 - 1 / beta1)
        try:
            yield
        finally:
            for p, value in trained:
                p.data.copy_(value)
