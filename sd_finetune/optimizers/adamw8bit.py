"""AdamW whose moments take a byte each (arXiv 2110.02861), as bitsandbytes has it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from bitsandbytes.optim import AdamW8bit as Collected

from ..settings.optimizer_arguments import optimizer_arguments
from ..settings.options import Settings
from .optimizer import Group, Implementation


class AdamW8bit(Implementation):
    """bitsandbytes.optim.AdamW8bit. Parameters of fewer than 4,096 values keep moments in fp32."""

    @staticmethod
    def build(groups: Sequence[Group], settings: Settings) -> torch.optim.Optimizer:
        """The optimizer with the settings' betas, eps and weight decay."""
        return Collected(groups, **optimizer_arguments(settings))
