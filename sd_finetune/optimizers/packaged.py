"""Optimizers that a package has, as the table of `settings.optimizers` names their class."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import torch

from ..hidden_modules import hidden
from ..settings.optimizer_arguments import optimizer_arguments
from ..settings.optimizers import OPTIMIZERS
from ..settings.options import Settings
from .optimizer import Group, Implementation

UNNEEDED = ("torch.distributed.tensor", "torch.distributed._tensor")
"""What pytorch_optimizer asks for on behalf of Muon; it brings torch's compiler along and takes as long as the rest."""


class Packaged(Implementation):
    """The class that the row of the settings' optimizer `builds`, with the arguments of that row."""

    @staticmethod
    def build(groups: Sequence[Group], settings: Settings) -> torch.optim.Optimizer:
        """The optimizer with the settings' options and what the table adds to them."""
        package, _, name = OPTIMIZERS[settings.optimizer.name].builds.rpartition(".")
        with hidden(UNNEEDED):
            module = import_module(package)
        return getattr(module, name)(groups, **optimizer_arguments(settings))
