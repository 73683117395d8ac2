"""The algorithms of adapter layers: the rows of `settings.algorithms`, each with what stands beside a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from ..low_rank.change import Change
from ..low_rank.lora import LoraModule
from ..low_rank.table import change_class
from ..settings.algorithms import ALGORITHMS as ROWS
from ..settings.algorithms import Form
from .adapter import AdapterLayer, AdapterNetwork
from .change_layer import ChangeLayer
from .decomposed import DecomposedLayer
from .lora import LoraLayer

FASTER: Mapping[type[Change], Callable[..., nn.Module]] = {LoraModule: LoraLayer}
"""Layers that compute their addition without the change of the weight; others are a `ChangeLayer`."""


@dataclass(frozen=True)
class Algorithm:
    """One row of the table."""

    name: str

    def layer(
        self, original: nn.Module, form: Form, alpha: float, generator: torch.Generator, decomposed: bool = False
    ) -> AdapterLayer:
        """A layer beside `original` with random initial values, which has no effect. decomposed: with DoRA."""
        own = change_class(self.name)
        if own in FASTER:
            made = FASTER[own](original, form.rank, alpha, generator)
        else:
            made = ChangeLayer(original, own.new(cast("Any", original).weight.shape, form, alpha, generator))
        return cast("AdapterLayer", DecomposedLayer(original, made) if decomposed else made)


ALGORITHMS: Mapping[str, Algorithm] = {name: Algorithm(name) for name in ROWS}


def new_adapter_network(
    targets: Mapping[str, nn.Module], algorithm: Algorithm, rank: int, alpha: float, generator: torch.Generator
) -> AdapterNetwork:
    """An adapter layer of one size for each target."""
    layers = {path: algorithm.layer(module, Form(rank), alpha, generator) for path, module in targets.items()}
    return AdapterNetwork(targets, layers)
