"""Layers beside or before a model's own, which can be put on and taken off without touching a weight."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import MethodType
from typing import Any

from torch import nn


class AttachableNetwork(nn.Module, ABC):
    """Trainable layers that change what a model answers while they are attached.

    They stay attached when nobody holds the network any more, so what undoes it are plain functions: a generator's
    would run when it is collected as garbage.
    """

    def __init__(self) -> None:
        super().__init__()
        self._undo: ExitStack | None = None

    def attach(self) -> None:
        """Put the layers to work.

        Raises:
            RuntimeError: they are attached already, or something else is where they go.
        """
        if self._undo is not None:
            raise RuntimeError(f"this {type(self).__name__} is attached already: detach it first")
        with ExitStack() as undo:
            self._put_on(undo)
            self._undo = undo.pop_all()

    def detach(self) -> None:
        """The model as it was before `attach`."""
        if self._undo is not None:
            undo, self._undo = self._undo, None
            undo.close()

    @contextmanager
    def detached(self) -> Iterator[None]:
        """The model without the layers, for as long as the block runs."""
        self.detach()
        try:
            yield
        finally:
            self.attach()

    @abstractmethod
    def _put_on(self, undo: ExitStack) -> None:
        """Change the model, and note in `undo` how each change is taken back."""


def replace_forward(module: nn.Module, forward: Callable[..., Any], called: str) -> Callable[[], None]:
    """Give `module` another forward pass, which gets the module as its first argument; what is returned undoes it.

    Raises:
        RuntimeError: its forward pass is replaced already; `called` is how the message names the module.
    """
    if "forward" in vars(module):
        raise RuntimeError(f"{called} already carries another layer: detach that first")
    module.forward = MethodType(forward, module)
    return lambda: delattr(module, "forward")


@contextmanager
def all_detached(networks: Iterable[AttachableNetwork]) -> Iterator[None]:
    """The model without any of the networks, for as long as the block runs."""
    with ExitStack() as stack:
        for network in networks:
            stack.enter_context(network.detached())
        yield
