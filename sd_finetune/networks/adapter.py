"""Small layers beside a model's frozen ones, by an algorithm of the table in `networks.algorithms`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from ..low_rank.change import Change
from .attachable import AttachableNetwork, replace_forward
from .dropout import Dropout, kept


class AdapterLayer(Protocol):
    """The addition to one frozen Linear or convolution layer; an `nn.Module` that has no effect at first."""

    alpha: float
    dropout: Dropout
    training: bool

    @property
    def rank(self) -> int: ...
    @property
    def scale(self) -> float:
        """Factor of the layer's product, such as alpha / rank."""
        ...

    def beside(self, original: Callable[[Tensor], Tensor], x: Tensor, share: Tensor | None = None) -> Tensor:
        """The output of the original layer, whose forward pass is `original`, with the addition to it.

        share: factor of what the layer changes, with as many sides as the input, each of size 1.
        """
        ...

    def change(self) -> Change:
        """Of the original's weight, with the parameters themselves."""
        ...

    def trained(self) -> dict[str, Tensor]:
        """The parameters by their names in snapshots."""
        ...

    def file_tensors(self) -> dict[str, Tensor]:
        """The tensors by what follows the layer's name in a LoRA file, without alpha."""
        ...


class AdapterNetwork(AttachableNetwork):
    """All adapter layers of one module, by the path of their original layers."""

    def __init__(self, targets: Mapping[str, nn.Module], layers: Mapping[str, AdapterLayer | nn.Module]) -> None:
        """targets, layers: the original layers and their adapter layers, by the same paths in the same order."""
        super().__init__()
        if list(targets) != list(layers):
            raise ValueError("targets and layers must have the same paths in the same order")
        self._targets = dict(targets)
        self.paths = list(targets)
        self.layers = nn.ModuleList(cast("Any", layers).values())

    def named_layers(self) -> Iterator[tuple[str, AdapterLayer]]:
        """Each layer with its original's path, in a fixed order."""
        for path, layer in zip(self.paths, self.layers, strict=True):
            yield path, cast("AdapterLayer", layer)

    def _attach_to_model(self, undo: ExitStack) -> None:
        """Each layer's output is added to its original's."""
        for path, layer in self.named_layers():
            undo.callback(replace_forward(self._targets[path], _forward_with(layer), path))


def _forward_with(layer: AdapterLayer) -> Any:
    def forward(original: nn.Module, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        share = kept(x, [1] * x.ndim, layer.dropout.layer) if _is_dropped(layer) else None
        return layer.beside(lambda y: type(original).forward(original, y, *args, **kwargs), x, share)

    return forward


def _is_dropped(layer: AdapterLayer) -> bool:
    return layer.training and layer.dropout.layer > 0


def weight_of(layer: nn.Module) -> Tensor:
    """The weight of a layer; of one that keeps it in 8 bits, as it computes with it."""
    whole: Callable[[], Tensor] | None = getattr(layer, "whole_weight", None)
    return (whole() if whole else cast("Tensor", layer.weight)).detach()


def precise(weight: Tensor) -> Tensor:
    """In float32, or as it is if it is more precise."""
    return weight.to(torch.promote_types(weight.dtype, torch.float32))
