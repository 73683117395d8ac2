"""What an optimizer is built for: parameters and their learning rate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters with one learning rate. `name` ("unet", "text_encoder") is the name in events and metadata."""

    name: str
    parameters: list[nn.Parameter]
    learning_rate: float
    undecayed: frozenset[nn.Parameter] = frozenset()
    """Those of them without weight decay."""


def biases_norms_and_embeddings(modules: Iterable[nn.Module]) -> frozenset[nn.Parameter]:
    """The parameters that weight decay pulls towards zero for nothing: all but matrices and kernels.

    New words stand in a `ParameterList`. What else is not the weight of a linear or convolution layer is a matrix if it
    has two sides that are longer than 1: the sizes of DoRA's columns, (1, in), are not.
    """
    return frozenset(
        parameter
        for module in modules
        for layer in module.modules()
        for name, parameter in layer.named_parameters(recurse=False)
        if not _is_matrix(layer, name, parameter)
    )


def _is_matrix(layer: nn.Module, name: str, parameter: nn.Parameter) -> bool:
    if isinstance(layer, (nn.Linear, nn.Conv2d)):
        return name == "weight"
    return not isinstance(layer, (nn.Embedding, nn.ParameterList)) and sum(side > 1 for side in parameter.shape) > 1
