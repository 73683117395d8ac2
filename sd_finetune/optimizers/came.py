"""CAME (arXiv 2307.02047, algorithm 2): Adafactor with a first moment, which moves less where it is less certain.

How certain is a row and a column too: of the squares by which updates differ from their moment. Kernels are matrices as
for Adafactor, of which pytorch_optimizer would keep two thirds of their size in rows and columns of 3 x 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..settings.optimizer_arguments import optimizer_arguments
from ..settings.options import Settings
from .adafactor import average, clipped, divided_by_roots
from .by_weight import ByWeight
from .optimizer import Group, Implementation


class CameImplementation(Implementation):
    """`Came` below."""

    @staticmethod
    def build(groups: Sequence[Group], settings: Settings) -> torch.optim.Optimizer:
        """The optimizer with the settings' betas, eps and weight decay."""
        return Came(groups, **optimizer_arguments(settings))


class Came(ByWeight):
    """The optimizer.

    betas: decay of the first moment, of squared gradients and of the squared differences. eps: added to squared
    gradients (epsilon 1). eps_of_differences: to those differences (epsilon 2). clip_threshold: the root mean square
    that an update may have, before the learning rate.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 2e-4,
        betas: tuple[float, float, float] = (0.9, 0.999, 0.9999),
        weight_decay: float = 0.0,
        eps: float = 1e-30,
        eps_of_differences: float = 1e-16,
        clip_threshold: float = 1.0,
    ) -> None:
        stability = {"eps": eps, "eps_of_differences": eps_of_differences, "clip_threshold": clip_threshold}
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": betas, **stability})

    def move(self, weight: nn.Parameter, gradient: Tensor, state: dict[str, Any], group: Group) -> None:
        """By the algorithm of the paper."""
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(_update(gradient, state, group), alpha=-group["lr"])


def _update(gradient: Tensor, state: dict[str, Any], group: Group) -> Tensor:
    """The step of one weight before the learning rate, in its shape; `state` is brought up to date."""
    beta1, beta2, beta3 = group["betas"]
    update = divided_by_roots(gradient, gradient.square().add_(group["eps"]), state, "", 1 - beta2)
    update = clipped(update, group["clip_threshold"])
    moment = average(state, "moment", update, 1 - beta1)
    if gradient.ndim < 2:
        return moment
    differences = update.sub_(moment).square_().add_(group["eps_of_differences"])
    return divided_by_roots(moment, differences, state, "unsure_", 1 - beta3)
