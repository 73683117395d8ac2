"""How gradients become new weights: after the backward passes of a step, or inside the only one.

Weights in bf16 (`train.weights`) are stepped a few at a time, as their optimizer computes in fp32. With
`train.fused_backward` each weight is stepped as soon as its gradient is there, which is freed at once (LOMO, arXiv
2306.09782, figure 1); the result is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import ref

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from ...optimizers.bf16_weights import in_fp32, new_stand_in, weight_of
from ...optimizers.build import build_optimizer
from ...optimizers.optimizer import Group
from ...optimizers.parameter_group import ParameterGroup
from ...settings.optimizers import OPTIMIZERS
from ...settings.options import Settings
from ..device import Accelerator, Scaler
from ..portions import portions
from .randomness import derived_seed

PORTION_VALUES = 2**24
"""Values of bf16 weights that are stepped together, in 8 bytes each while they are."""


@dataclass(frozen=True)
class Weight:
    """A trained parameter. number: in the order of all; group: the number of its group."""

    known_as: nn.Parameter
    """What the optimizer knows it by: itself, or a stand-in of `optimizers.bf16_weights`."""
    number: int
    group: int

    @property
    def parameter(self) -> nn.Parameter:
        return weight_of(self.known_as)


class Updates:
    """Steps the settings' optimizer, which it builds over the method's parameters.

    A step is `begin`, then backward passes, then `finish`. undecayed: parameters without weight decay.
    """

    def __init__(
        self,
        groups: Sequence[ParameterGroup],
        settings: Settings,
        accelerator: Accelerator,
        undecayed: frozenset[nn.Parameter] = frozenset(),
    ) -> None:
        self._settings, self._accelerator, self._step = settings, accelerator, 0
        self._weights = list(_weights(groups, in_bf16=settings.train.weights == "bf16"))
        self.optimizer = build_optimizer(list(_as_known(groups, self._weights, undecayed)), settings)
        self._group_of = {id(p): n for n, group in enumerate(self.optimizer.param_groups) for p in group["params"]}
        self._kept_before: list[Group] = []
        if settings.train.fused_backward:
            for weight in self._weights:
                parameter: Any = weight.parameter
                parameter.register_post_accumulate_grad_hook(_hook(ref(self), weight.number))

    @cached_property
    def parameters(self) -> list[nn.Parameter]:
        """All that is trained."""
        return [weight.parameter for weight in self._weights]

    def begin(self, step: int) -> None:
        """The backward passes of optimizer step `step` follow."""
        self._step = step
        keeps = OPTIMIZERS[self._settings.optimizer.name].keeps
        self._kept_before = [{k: group[k] for k in keeps if k in group} for group in self.optimizer.param_groups]

    def finish(self) -> None:
        """Use the gradients that the backward passes have left, and free them."""
        train = self._settings.train
        if train.fused_backward:
            return  # there are none
        scaler = self._scaler()
        self._clip(scaler)
        if train.weights == "bf16":
            alone = OPTIMIZERS[self._settings.optimizer.name].steps_alone
            for portion in portions(self._weights, _values, PORTION_VALUES) if alone else [self._weights]:
                self._step_some(portion)
        else:
            self._step_all(scaler)
            self.optimizer.zero_grad(set_to_none=True)

    def _scaler(self) -> Scaler | None:
        """fp16's. Its scale is there from the first loss on, of which this process of several may have had no share."""
        scaler = self._accelerator.scaler
        if scaler is not None and self._settings.train.devices > 1:
            scaler.scale(torch.zeros((), device=self._accelerator.device))
        return scaler

    def _clip(self, scaler: Scaler | None) -> None:
        train = self._settings.train
        if not train.max_grad_norm:
            return
        if scaler is not None:
            scaler.unscale_(self.optimizer)
        for parameters in [self.parameters] if train.clip_by == "global_norm" else self.parameters:
            clip_grad_norm_(parameters, train.max_grad_norm)

    def _step_all(self, scaler: Scaler | None) -> None:
        """The optimizer's step, which fp16's scaler leaves out where gradients overflow.

        accelerate has an optimizer of its own for that, which waits for the GPU in each step (0.21), or looks for a
        package (0.34).
        """
        if scaler is None:
            self.optimizer.step()
            return
        scaler.step(self.optimizer)
        scaler.update()

    def use_gradient(self, number: int) -> None:
        """Step the weight whose gradient the backward pass has just finished."""
        weight = self._weights[number]
        if self._settings.train.max_grad_norm:
            clip_grad_norm_(weight.parameter, self._settings.train.max_grad_norm)
        self._step_some([weight])

    def _step_some(self, weights: Sequence[Weight]) -> None:
        """The optimizer's step for these weights alone; without a gradient afterwards."""
        weights = [weight for weight in weights if weight.parameter.grad is not None]
        if not weights:
            return
        in_bf16 = self._settings.train.weights == "bf16"
        computing = in_fp32([w.known_as for w in weights], map(self._rounding, weights)) if in_bf16 else nullcontext()
        with self._only(weights), computing:
            self.optimizer.step()
        for weight in weights:
            weight.parameter.grad = None

    @contextmanager
    def _only(self, weights: Sequence[Weight]) -> Generator[None, None, None]:
        """The optimizer's groups have no parameters but these, as long as the block runs.

        What it keeps of a group, such as a count of steps, is as it was before the step, of which this is a part.
        """
        groups, keeps = self.optimizer.param_groups, OPTIMIZERS[self._settings.optimizer.name].keeps
        whole = [group["params"] for group in groups]
        for group, before in zip(groups, self._kept_before, strict=True):
            group["params"] = []
            for name in keeps:
                group.pop(name, None)
            group.update(before)
        for weight in weights:
            groups[self._group_of[id(weight.known_as)]]["params"].append(weight.known_as)
        try:
            yield
        finally:
            for group, parameters in zip(groups, whole, strict=True):
                group["params"] = parameters

    def _rounding(self, weight: Weight) -> torch.Generator:
        """The chance by which a bf16 weight is rounded: another in each step, the same in a resumed run."""
        seed = derived_seed(self._settings.train.seed, f"rounding of weight {weight.number}", self._step)
        return torch.Generator(weight.parameter.device).manual_seed(seed)


def _hook(updates: ref[Updates], number: int) -> Callable[[Tensor], None]:
    """Uses the gradient of a weight. It refers to that by number: torch never frees one whose hook refers to it."""

    def use_gradient(_: Tensor) -> None:
        alive = updates()
        if alive is not None:
            alive.use_gradient(number)

    return use_gradient


def _as_known(
    groups: Sequence[ParameterGroup], weights: Sequence[Weight], undecayed: frozenset[nn.Parameter]
) -> Iterator[ParameterGroup]:
    """The groups with what the optimizer knows their parameters by."""
    for number, group in enumerate(groups):
        own = [weight for weight in weights if weight.group == number]
        spared = frozenset(weight.known_as for weight in own if weight.parameter in undecayed)
        yield ParameterGroup(group.name, [weight.known_as for weight in own], group.learning_rate, spared)


def _weights(groups: Sequence[ParameterGroup], in_bf16: bool) -> Iterator[Weight]:
    number = 0
    for group_number, group in enumerate(groups):
        for parameter in group.parameters:
            yield Weight(new_stand_in(parameter) if in_bf16 else parameter, number, group_number)
            number += 1


def _values(weight: Weight) -> int:
    return weight.parameter.numel()
