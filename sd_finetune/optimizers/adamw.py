"""AdamW (arXiv 1711.05101, algorithm 2) as torch has it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..settings.optimizer_arguments import optimizer_arguments
from ..settings.options import Settings
from .optimizer import Group, Implementation


class AdamW(Implementation):
    """torch.optim.AdamW."""

    @staticmethod
    def build(groups: Sequence[Group], settings: Settings) -> torch.optim.Optimizer:
        """The optimizer with the settings' betas, eps and weight decay."""
        return torch.optim.AdamW(groups, **optimizer_arguments(settings))
