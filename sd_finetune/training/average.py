"""The moving average of the trained weights (EMA), as diffusers' EMAModel computes it."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ..settings.groups.ema import Ema

WARMUP_POWER = 2 / 3
RAM = torch.device("cpu")


def decay_at(step: int, options: Ema) -> float:
    """The share of the average that is kept after `step` optimizer steps, the first of which is 1."""
    before = step - 1
    if before <= 0:
        return 0.0
    grown = 1 - (1 + before) ** -WARMUP_POWER if options.warmup else (1 + before) / (10 + before)
    return min(grown, options.decay)


def place_of_average(trained: torch.device, options: Ema) -> torch.device:
    """Where the average of parameters on the device `trained` is kept."""
    return RAM if options.on_cpu else trained


class Average:
    """The average of parameters, float32, in RAM or beside them."""

    def __init__(self, parameters: Sequence[nn.Parameter], options: Ema) -> None:
        self._parameters, self._options = list(parameters), options
        self._values = [self._start(parameter) for parameter in self._parameters]

    def _start(self, parameter: Tensor) -> Tensor:
        return torch.empty_like(
            parameter, dtype=torch.float32, device=place_of_average(parameter.device, self._options)
        ).copy_(parameter)

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Take in the parameters as they are after optimizer step `step`, the first of which is 1."""
        add = cast("Any", get_ema_multi_avg_fn(decay_at(step, self._options)))  # whose third argument has no type
        beside = [p.detach() for p in self._parameters]
        if all(own.device == value.device and own.dtype == value.dtype for own, value in self._pairs()):
            add(self._values, beside, step)
            return
        for value, parameter in zip(self._values, beside, strict=True):  # one by one, as each takes a copy
            add([value], [self._converted(parameter)], step)

    @contextmanager
    def in_use(self) -> Generator[None, None, None]:
        """The parameters have the average's values while the block runs."""
        trained = [parameter.data for parameter in self._parameters]
        try:
            for parameter, value in zip(self._parameters, self._values, strict=True):
                parameter.data = value.to(parameter.device, parameter.dtype)
            yield
        finally:
            for parameter, own in zip(self._parameters, trained, strict=True):
                parameter.data = own

    def named(self, trained: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The average's values for a snapshot. trained: the parameters by name, in any order."""
        of = {id(parameter): value for parameter, value in self._pairs()}
        return {name: of[id(parameter)] for name, parameter in trained.items()}

    def load(self, tensors: Mapping[str, Tensor], trained: Mapping[str, Tensor]) -> None:
        """Take over what `named` returned."""
        for name, value in self.named(trained).items():
            value.copy_(tensors[name])

    def _pairs(self) -> Sequence[tuple[nn.Parameter, Tensor]]:
        return list(zip(self._parameters, self._values, strict=True))

    def _converted(self, parameter: Tensor) -> Tensor:
        return parameter.detach().to(place_of_average(parameter.device, self._options), torch.float32)


def average_of(parameters: Sequence[nn.Parameter], options: Ema) -> Average | None:
    """The average that the settings ask for."""
    return Average(parameters, options) if options.decay else None


def in_use(average: Average | None, asked: bool) -> AbstractContextManager[None]:
    """A context in which the average is used, if there is one and it is asked for."""
    return average.in_use() if average and asked else nullcontext()
