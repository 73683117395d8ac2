"""`adamw8bit` whose moments the driver moves into the computer's memory while the GPU is short of its own.

A resumed run holds those that it has read from its snapshot on the GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, cast

import torch

from ..settings.optimizer_arguments import optimizer_arguments
from ..settings.options import Settings
from .optimizer import Group, Implementation


class PagedAdamW8bit(Implementation):
    """bitsandbytes.optim.PagedAdamW8bit."""

    @staticmethod
    def build(groups: Sequence[Group], settings: Settings) -> torch.optim.Optimizer:
        """The optimizer with the settings' betas, eps and weight decay."""
        return cast("Any", import_module("bitsandbytes.optim")).PagedAdamW8bit(groups, **optimizer_arguments(settings))
