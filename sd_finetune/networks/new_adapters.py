"""Adapter layers as the settings ask for them: which layers of the model, of which size."""

from __future__ import annotations

import torch

from ..families.family import DiffusionModel
from ..settings.options import Settings
from .adapter import AdapterLayer, AdapterNetwork
from .algorithms import ALGORITHMS
from .dropout import Dropout


def new_network(part: str, model: DiffusionModel, settings: Settings, generator: torch.Generator) -> AdapterNetwork:
    """Layers with random initial values: beside the attention blocks, and with a rank of their own beside the rest."""
    module, options = model.module(part), settings.lora
    usual = model.family.lora_targets(part, module)
    targets = model.family.lora_targets(part, module, convolutions=True) if options.conv_rank else usual
    size, of_others = (options.rank, settings.lora_alpha()), (options.conv_rank, settings.lora_conv_alpha())
    algorithm, dropout = (
        ALGORITHMS[options.algorithm],
        Dropout(options.dropout, options.rank_dropout, options.module_dropout),
    )
    layers: dict[str, AdapterLayer] = {}
    for path, original in targets.items():
        rank, alpha = size if path in usual else of_others
        layers[path] = algorithm.layer(original, options.form(rank), alpha, generator, options.dora)
        layers[path].dropout = dropout
    return AdapterNetwork(targets, layers)
