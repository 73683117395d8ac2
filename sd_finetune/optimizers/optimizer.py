"""What the training loop asks of an optimizer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..settings.options import Settings

Group = dict[str, Any]
"""One of an optimizer's `param_groups`: `params`, `name`, `lr`, `initial_lr` and what the optimizer adds."""

Rate = float | Tensor
"""A learning rate; a tensor, (), float32, where the device computes it."""


class Implementation(ABC):
    """One optimizer of the table `settings.optimizers`. It holds nothing: all that changes is in torch's optimizer."""

    @staticmethod
    @abstractmethod
    def build(groups: Sequence[Group], settings: Settings) -> torch.optim.Optimizer:
        """The optimizer over groups that have `params`, `name`, `lr` and `initial_lr`, the learning rate asked for."""

    @staticmethod
    def set_learning_rate(group: Group, factor: float) -> None:
        """Have the next step use `factor` times the learning rate that was asked for."""
        group["lr"] = group["initial_lr"] * factor

    @staticmethod
    def applied_learning_rate(group: Group) -> Rate:
        """The learning rate that the next step applies, for the curve."""
        return group["lr"]

    @staticmethod
    def weight_to_use(weight: Tensor, group: Group, state: Mapping[str, Any]) -> Tensor:
        """A weight as it is to be used and saved, given as it trains in fp32: mostly just that itself.

        state: what the optimizer keeps of the weight, empty before the first step.
        """
        return weight
