"""Small layers beside a model's frozen ones, by an algorithm of the table in `networks.algorithms`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from .attachable import AttachableNetwork, replace_forward


class AdapterLayer(Protocol):
    """The addition to one frozen Linear or convolution layer; an `nn.Module` that has no effect at first."""

    alpha: float

    @property
    def scale(self) -> float:
        """Factor of the layer's product, such as alpha / rank."""
        ...

    def __call__(self, x: Tensor) -> Tensor:
        """The addition to the original layer's output for the same input."""
        ...

    def beside(self, original: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """The output of the original layer, whose forward pass is `original`, with the addition to it."""
        ...

    def trained(self) -> dict[str, Tensor]:
        """The parameters by their names in snapshots."""
        ...

    def file_tensors(self) -> dict[str, Tensor]:
        """The tensors by what follows the layer's name in a LoRA file, without alpha."""
        ...

    def weight_change(self) -> Tensor:
        """The addition to the original's weight, in its shape, float32."""
        ...


@dataclass(frozen=True)
class Algorithm:
    """One row of the table.

    make: makes the layer for (original layer, rank, alpha, generator of the initial values).
    """

    name: str
    make: Callable[[nn.Module, int, float, torch.Generator], nn.Module]


class AdapterNetwork(AttachableNetwork):
    """All adapter layers of one module, by the path of their original layers."""

    def __init__(self, targets: Mapping[str, nn.Module], layers: Mapping[str, nn.Module]) -> None:
        """targets, layers: the original layers and their adapter layers, by the same paths in the same order."""
        super().__init__()
        if list(targets) != list(layers):
            raise ValueError("targets and layers must have the same paths in the same order")
        self._targets = dict(targets)
        self.paths = list(targets)
        self.layers = nn.ModuleList(layers.values())

    def named_layers(self) -> Iterator[tuple[str, AdapterLayer]]:
        """Each layer with its original's path, in a fixed order."""
        for path, layer in zip(self.paths, self.layers, strict=True):
            yield path, cast("AdapterLayer", layer)

    def _attach_to_model(self, undo: ExitStack) -> None:
        """Each layer's output is added to its original's."""
        for path, layer in self.named_layers():
            undo.callback(replace_forward(self._targets[path], _forward_with(layer), path))


def new_adapter_network(
    targets: Mapping[str, nn.Module], algorithm: Algorithm, rank: int, alpha: float, generator: torch.Generator
) -> AdapterNetwork:
    """An adapter layer for each target, with random initial values."""
    layers = {path: algorithm.make(module, rank, alpha, generator) for path, module in targets.items()}
    return AdapterNetwork(targets, layers)


def _forward_with(layer: AdapterLayer) -> Any:
    def forward(original: nn.Module, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return layer.beside(lambda y: type(original).forward(original, y, *args, **kwargs), x)

    return forward
