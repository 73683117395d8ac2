"""Optimizers of our own, whose step of a weight needs nothing of the others."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .optimizer import Group


class ByWeight(torch.optim.Optimizer):
    """Moves every weight that has a gradient, one after the other."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move the weights."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.move(p, p.grad, self.state[p], group)
        return loss

    @abstractmethod
    def move(self, weight: nn.Parameter, gradient: Tensor, state: dict[str, Any], group: Group) -> None:
        """Move one weight by its gradient, with decoupled decay as AdamW's; `state` is brought up to date."""
