"""Layers beside or before a model's own, which are attached and detached without changing a weight."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from types import MethodType
from typing import Any

from torch import nn


class AttachableNetwork(nn.Module, ABC):
    """Trainable layers that change a model's output while they are attached.

    They stay attached when the network itself is garbage collected, so they are undone by plain functions: the end of a
    generator would run at that time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._undo: ExitStack | None = None

    def attach(self) -> None:
        """Attach the layers.

        Raises:
            RuntimeError: they are attached already, or another network is attached in their place.
        """
        if self._undo is not None:
            raise RuntimeError(f"this {type(self).__name__} is attached already: detach it first")
        with ExitStack() as undo:
            self._attach_to_model(undo)
            self._undo = undo.pop_all()

    def detach(self) -> None:
        """Restore the model as it was before `attach`."""
        if self._undo is not None:
            undo, self._undo = self._undo, None
            undo.close()

    @contextmanager
    def detached(self) -> Generator[None, None, None]:
        """The model without the layers, for as long as the block runs."""
        self.detach()
        try:
            yield
        finally:
            self.attach()

    @abstractmethod
    def _attach_to_model(self, undo: ExitStack) -> None:
        """Change the model, and add to `undo` how to undo each change."""


def replace_forward(module: nn.Module, forward: Callable[..., Any], called: str) -> Callable[[], None]:
    """Replace the forward pass of `module`; `forward` gets the module first. Returns a function that undoes it.

    Raises:
        RuntimeError: its forward pass is replaced already; `called` is the module's name in the message.
    """
    if "forward" in vars(module):
        raise RuntimeError(f"{called} already has another layer attached: detach that first")
    module.forward = MethodType(forward, module)
    return lambda: delattr(module, "forward")


@contextmanager
def all_detached(networks: Iterable[AttachableNetwork]) -> Generator[None, None, None]:
    """The model without any of the networks, for as long as the block runs."""
    with ExitStack() as stack:
        for network in networks:
            stack.enter_context(network.detached())
        yield
