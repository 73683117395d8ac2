"""Lion (arXiv 2302.06675, algorithm 2): steps of one size, by the sign of a moment that takes a byte."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, cast

import torch

from ..settings.optimizer_arguments import optimizer_arguments
from ..settings.options import Settings
from .optimizer import Group, Implementation


class Lion8bit(Implementation):
    """bitsandbytes.optim.Lion8bit. Parameters of fewer than 4,096 values keep the moment in fp32."""

    @staticmethod
    def build(groups: Sequence[Group], settings: Settings) -> torch.optim.Optimizer:
        """The optimizer with the settings' weight decay."""
        return cast("Any", import_module("bitsandbytes.optim")).Lion8bit(groups, **optimizer_arguments(settings))
