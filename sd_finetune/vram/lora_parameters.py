"""How many values LoRA layers train, of every algorithm."""

from __future__ import annotations

from collections.abc import Iterator

from ..families.facts import MemoryFacts
from ..settings.algorithms import ALGORITHMS, LayerSize
from ..settings.lora_ranks import LayerRanks
from ..settings.options import Settings


def lora_parameters(settings: Settings, model: MemoryFacts) -> int:
    """Those of the layers that the settings choose.

    Where the checkpoint is not known, a pattern counts as if it found the usual layers, and ranks of blocks do not
    count.
    """
    options = settings.lora
    count = ALGORITHMS[options.algorithm].count
    known = bool(model.layers)
    total = sum(
        number * (count(size, options.form(rank)) + (size.into if options.dora else 0))
        for number, size, rank in (_layers(settings, model) if known else _usual_layers(settings, model))
    )
    return total if known else round(total * model.lora_share)


def _layers(settings: Settings, model: MemoryFacts) -> Iterator[tuple[int, LayerSize, int]]:
    ranks = LayerRanks(settings)
    for layer in model.layers:
        rank = ranks.of(layer.part, layer.path, layer.kind)
        if rank and (layer.part == "unet" or settings.train.train_text_encoder):
            yield 1, layer.size, rank


def _usual_layers(settings: Settings, model: MemoryFacts) -> Iterator[tuple[int, LayerSize, int]]:
    """By size, and how many have it."""
    for layers in model.lora_layers:
        rank = settings.lora_rank_of(layers.kind)
        if rank and (settings.train.train_text_encoder or not layers.of_text):
            yield from ((number, size, rank) for number, size in layers.sizes())
