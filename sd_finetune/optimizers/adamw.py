"""AdamW (arXiv 1711.05101, algorithm 2) as torch has it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..settings.optimizer_arguments import optimizer_arguments
from ..settings.options import Settings
from .optimizer import Group, Implementation

CPU_HAS_FUSED = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 4)
FUSED_ON = ("cuda", "cpu") if CPU_HAS_FUSED else ("cuda",)
"""Kinds of devices on which a step of all weights is a few kernels. On a CPU it takes a quarter of the time."""


class AdamW(Implementation):
    """torch.optim.AdamW. What a snapshot keeps of it is the same with fused kernels and without."""

    @staticmethod
    def build(groups: Sequence[Group], settings: Settings) -> torch.optim.Optimizer:
        """The optimizer with the settings' betas, eps and weight decay."""
        fused = True if _can_fuse(groups) else None  # False would do without the kernels of several weights, too
        return torch.optim.AdamW(groups, fused=fused, **optimizer_arguments(settings))


def _can_fuse(groups: Sequence[Group]) -> bool:
    parameters = [parameter for group in groups for parameter in group["params"]]
    return all(p.device.type in FUSED_ON and p.is_floating_point() for p in parameters)
