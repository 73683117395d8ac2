"""Only what works is on the GPU: frozen parts that nothing asks wait in RAM, and are brought back for samples."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

import torch
from torch import nn

from ..families.family import DiffusionModel

RAM = torch.device("cpu")


def move(module: nn.Module, device: torch.device) -> None:
    """Move a module in place, and give the VRAM that it leaves back to the driver."""
    module.to(device)
    if device.type == RAM.type and torch.cuda.is_available():
        torch.cuda.empty_cache()


class Placement:
    """Where the parts of a model are that trains on `device`. There is nothing to move where that is the CPU.

    mover: called with a module and where it is to go.
    """

    def __init__(
        self, model: DiffusionModel, device: torch.device, mover: Callable[[nn.Module, torch.device], None] = move
    ) -> None:
        self._model, self._device, self._move = model, device, mover
        self._away: set[str] = set()

    @property
    def moves(self) -> bool:
        """Whether parts are moved at all."""
        return self._device.type != RAM.type

    def put_away(self, parts: Iterable[str]) -> None:
        """Have frozen parts wait in RAM until they are brought back."""
        if self.moves:
            for part in parts:
                self._move(self._model.module(part), RAM)
                self._away.add(part)

    @contextmanager
    def brought_back(self, parts: Iterable[str]) -> Generator[None, None, None]:
        """These parts are on the device as long as the block runs; then those wait again that did before."""
        waiting = [part for part in parts if part in self._away]
        self._away.difference_update(waiting)
        try:
            for part in waiting:
                self._move(self._model.module(part), self._device)
            yield
        finally:
            self.put_away(waiting)
