"""Only what works is on the GPU: parts of the model wait in RAM until they are needed, from loading on.

A part that has not worked yet is still what the checkpoint's file is mapped to, so that waiting takes no RAM, and is
converted on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

import torch
from torch import nn

from ..diffusion.schedule import schedule_on
from ..families.family import DiffusionModel, precision_of

RAM = torch.device("cpu")
Mover = Callable[[nn.Module, torch.device, torch.dtype | None], None]


def move(module: nn.Module, device: torch.device, dtype: torch.dtype | None = None) -> None:
    """Move a frozen module in place, and give the VRAM that it leaves back to the driver. dtype: None = its own."""
    module.to(device, dtype)
    if device.type != RAM.type:
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


class Placement:
    """Where the parts of a model are that computes on `device` in `dtype`; at first all of them wait.

    The noise schedule is where the UNet is. There is nothing to move where that is the CPU. mover: called with a
    module, where it is to go, and in which dtype.
    """

    def __init__(self, model: DiffusionModel, device: torch.device, dtype: torch.dtype, mover: Mover = move) -> None:
        self._model, self._device, self._dtype, self._move = model, device, dtype, mover
        self._away: set[str] = set(model.parts) if self.moves else set()
        self._as_in_file = set(self._away)
        if not self.moves:
            model.to(device, dtype)

    @property
    def moves(self) -> bool:
        """Whether parts are moved at all."""
        return self._device.type != RAM.type

    def bring(self, parts: Iterable[str]) -> None:
        """Have parts on the device until they are put away."""
        waiting = [part for part in parts if part in self._away]
        for part in waiting:
            self._away.discard(part)  # before the move, so that a part of it that came before VRAM ran out goes back
            is_new = part in self._as_in_file
            self._as_in_file.discard(part)
            dtype = precision_of(part, self._dtype, self._device) if is_new else None
            self._move(self._model.module(part), self._device, dtype)
        model = self._model
        model.alphas_cumprod = schedule_on(model.unet.device, model.alphas_cumprod)

    def put_away(self, parts: Iterable[str]) -> None:
        """Have frozen parts wait in RAM until they are brought back."""
        for part in parts if self.moves else ():
            if part not in self._away:
                self._away.add(part)
                self._move(self._model.module(part), RAM, None)

    @contextmanager
    def brought_back(self, parts: Iterable[str]) -> Generator[None, None, None]:
        """These parts are on the device as long as the block runs; then those wait again that did before."""
        waiting = [part for part in parts if part in self._away]
        try:
            self.bring(waiting)
            yield
        finally:
            self.put_away(waiting)
