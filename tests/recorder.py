"""A stand-in for CUDA graphs where there is no GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class Replaying:
    """A `Recorder` that replays a function by calling it again; it counts what it did.

    As with a graph, nothing is computed while recording, and the function reads what then stands in its tensors.
    """

    def __init__(self, fails: str = "", computes_wrongly: bool = False) -> None:
        self.recorded = self.replayed = self.forgotten = 0
        self._fails, self._computes_wrongly = fails, computes_wrongly

    def warm_up(self, function: Callable[[], T]) -> T:
        return function()

    def record(self, function: Callable[[], T]) -> Callable[[], T]:
        if self._fails:
            raise RuntimeError(self._fails)
        self.recorded += 1

        def replay() -> T:
            self.replayed += 1
            if self._computes_wrongly:
                function()
            return function()

        return replay

    def random_state(self) -> Tensor:
        return torch.get_rng_state()

    def set_random_state(self, state: Tensor) -> None:
        torch.set_rng_state(state)

    def forget(self) -> None:
        self.forgotten += 1
