"""Adafactor (arXiv 1804.04235, algorithm 4): Adam without a first moment, whose second moment is a row and a column.

Learning rates are those of the settings and their schedule, or factors of the paper's own relative step sizes. A kernel
of a convolution, (out, in, height, width), counts as the matrix (out, in * height * width): by its two last dimensions,
as transformers factors it, a kernel of 3 x 3 would keep two thirds of its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..settings.optimizer_arguments import optimizer_arguments
from ..settings.options import Settings
from .by_weight import ByWeight
from .optimizer import Group, Implementation


class AdafactorImplementation(Implementation):
    """`Adafactor` below."""

    @staticmethod
    def build(groups: Sequence[Group], settings: Settings) -> torch.optim.Optimizer:
        """The optimizer with the settings' eps and weight decay."""
        return Adafactor(groups, **optimizer_arguments(settings))


class Adafactor(ByWeight):
    """The optimizer.

    decay_power: the second moment's decay in step t is 1 - t ** -decay_power (section 7.2). eps: added to squares
    (epsilon 1). clip_threshold: the root mean square that an update may have, before the learning rate (section 6).
    relative_step: `lr` multiplies the step sizes of `relative_step_size` and `scale_of` instead of being one itself.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        decay_power: float = 0.8,
        eps: float = 1e-30,
        clip_threshold: float = 1.0,
        relative_step: bool = False,
    ) -> None:
        own = {"decay_power": decay_power, "eps": eps, "clip_threshold": clip_threshold, "relative_step": relative_step}
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, **own})

    def move(self, weight: nn.Parameter, gradient: Tensor, state: dict[str, Any], group: Group) -> None:
        """By the algorithm of the paper."""
        update = _update(gradient, state, group)
        _move(weight, update, state["step"], group)


def relative_step_size(step: int) -> float:
    """The share of its size by which a weight moves in a step, from 1 (section 8, without warmup)."""
    return min(1e-2, step**-0.5)


def scale_of(weight: Tensor) -> Tensor:
    """The size of a weight: its root mean square, which counts as 0.001 where it is less (section 8, epsilon 2)."""
    return _root_mean_square(weight.float()).clamp(min=1e-3)


def _move(weight: Tensor, update: Tensor, step: int, group: Group) -> None:
    if not group["relative_step"]:
        weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"])
        return
    rate = scale_of(weight) * (group["lr"] * relative_step_size(step))  # a tensor, so that nothing waits for the GPU
    weight.mul_(1 - rate * group["weight_decay"]).sub_(update.mul_(rate))
    group["steps"] = step


def _root_mean_square(values: Tensor) -> Tensor:
    norm: Tensor = cast("Any", torch).linalg.vector_norm(values)
    return norm / values.numel() ** 0.5


def _update(gradient: Tensor, state: dict[str, Any], group: Group) -> Tensor:
    """The step of one weight before the learning rate, in its shape; `state` is brought up to date."""
    state["step"] = state.get("step", 0) + 1
    new_share = state["step"] ** -group["decay_power"]  # 1 in the first step, so that there is no bias to correct
    update = divided_by_roots(gradient, gradient.square().add_(group["eps"]), state, "", new_share)
    return clipped(update, group["clip_threshold"])


def divided_by_roots(values: Tensor, squares: Tensor, state: dict[str, Any], prefix: str, new_share: float) -> Tensor:
    """`values` over the roots of the running average of `squares`, of which the state keeps a row and a column.

    squares: in the shape of `values`, overwritten. prefix: of the names in the state, "row", "column" or "squares".
    """
    if values.ndim < 2:
        return torch.mul(values, average(state, f"{prefix}squares", squares, new_share).rsqrt())
    matrix, own = values.flatten(1), squares.flatten(1)
    row = average(state, f"{prefix}row", own.mean(1), new_share)
    column = average(state, f"{prefix}column", own.mean(0), new_share)
    # V = row column^T / mean(row), here as values / sqrt(V) factor by factor
    divided = torch.mul(matrix, (row / row.mean()).rsqrt_()[:, None], out=own).mul_(column.rsqrt())
    return divided.view_as(values)


def clipped(update: Tensor, threshold: float) -> Tensor:
    """The same tensor, whose root mean square is the threshold where it was above."""
    return update.div_((_root_mean_square(update) / threshold).clamp_(min=1))


def average(state: dict[str, Any], name: str, new: Tensor, new_share: float) -> Tensor:
    """The running average `name` of the state with `new` in it."""
    return state.setdefault(name, torch.zeros_like(new)).lerp_(new, new_share)
