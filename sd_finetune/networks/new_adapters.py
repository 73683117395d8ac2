"""Adapter layers as the settings ask for them: which layers of the model, of which size."""

from __future__ import annotations

import torch

from ..errors import UserError
from ..families.family import DiffusionModel, TargetLayer, target_layers
from ..settings.blocks import beginning_of, block_values
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


def refuse_unknown_blocks(model: DiffusionModel, settings: Settings, parts: tuple[str, ...]) -> None:
    """Raise UserError if a block of the settings is none of the model's, or if no layer is left to be trained."""
    for name in ("block_ranks", "block_rates"):
        unused = block_values(getattr(settings.lora, name))
        for part in model.family.facts.trainable_parts:
            for path in target_layers(model.module(part)):
                unused = {own: v for own, v in unused.items() if not beginning_of(part, path, {own: v})}
        if unused:
            raise UserError(
                f"lora.{name} names {', '.join(unused)}, which no layer of this checkpoint begins with: use beginnings "
                'like "down_blocks.1", "mid_block" or "text_encoder".'
            )
    if not any(_chosen(part, model, settings) for part in parts):
        raise UserError("lora.targets, lora.pattern and lora.block_ranks leave no layer to train: change one of them.")
