"""How many values LoRA layers train, of every algorithm."""

from __future__ import annotations

from ..families.facts import MemoryFacts
from ..settings.algorithms import ALGORITHMS
from ..settings.options import Settings


def lora_parameters(settings: Settings, model: MemoryFacts) -> int:
    """Those of the layers that the settings choose. Of a pattern, which is not known here, those of the usual layers.

    Ranks of blocks count only where all have one: a block's own rank is not known here either.
    """
    options, text = settings.lora, settings.train.train_text_encoder
    count, total = ALGORITHMS[options.algorithm].count, 0
    for layers in model.lora_layers:
        rank = settings.lora_rank_of(layers.kind)
        if not rank or (layers.of_text and not text):
            continue
        form = options.form(rank)
        total += sum(
            number * (count(size, form) + (size.into if options.dora else 0)) for number, size in layers.sizes()
        )
    return round(total * model.lora_share)
