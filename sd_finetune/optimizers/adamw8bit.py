"""AdamW whose moments take a byte each (arXiv 2110.02861), as bitsandbytes has it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, cast

import torch

from ..settings.optimizer_arguments import optimizer_arguments
from ..settings.options import Settings
from .optimizer import Group, Implementation


class AdamW8bit(Implementation):
    """bitsandbytes.optim.AdamW8bit. Parameters of fewer than 4,096 values keep moments in fp32."""

    @staticmethod
    def build(groups: Sequence[Group], settings: Settings) -> torch.optim.Optimizer:
        """The optimizer with the settings' betas, eps and weight decay."""
        return cast("Any", import_module("bitsandbytes.optim")).AdamW8bit(groups, **optimizer_arguments(settings))
