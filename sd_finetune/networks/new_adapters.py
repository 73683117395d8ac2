"""Adapter layers as the settings ask for them: which layers of the model, of which size."""

from __future__ import annotations

import torch

from ..families.family import DiffusionModel, TargetLayer, target_layers
from ..settings.lora_ranks import LayerRanks
from ..settings.options import Settings
from .adapter import AdapterLayer, AdapterNetwork
from .algorithms import ALGORITHMS
from .dropout import Dropout


def new_network(part: str, model: DiffusionModel, settings: Settings, generator: torch.Generator) -> AdapterNetwork:
    """Layers with random initial values beside those that the settings choose of a part of the model."""
    options, chosen = settings.lora, _chosen(part, model, settings)
    algorithm = ALGORITHMS[options.algorithm]
    dropout = Dropout(options.dropout, options.rank_dropout, options.module_dropout)
    layers: dict[str, AdapterLayer] = {}
    for path, (original, rank) in chosen.items():
        form, alpha = options.form(rank), settings.lora_alpha_of(rank)
        layers[path] = algorithm.layer(original, form, alpha, generator, options.dora)
        layers[path].dropout = dropout
    return AdapterNetwork({path: original for path, (original, _) in chosen.items()}, layers)


def _chosen(part: str, model: DiffusionModel, settings: Settings) -> dict[str, tuple[TargetLayer, int]]:
    """Each layer that is trained beside, by its path, and the rank that it gets."""
    ranks = LayerRanks(settings)
    layers = target_layers(model.module(part))
    own = {path: ranks.of(part, path, model.family.layer_kind(part, path)) for path in layers}
    return {path: (layers[path], rank) for path, rank in own.items() if rank}
