"""Merges LoRAs into a checkpoint's weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import UserError
from ..formats.checkpoint import Checkpoint
from ..networks.change_layer import added_one_by_one
from ..networks.lora_files import WeightedLora, refuse_other_size, refuse_unknown_layers, with_usual_names


def merge_loras(checkpoint: Checkpoint, loras: Sequence[WeightedLora]) -> dict[str, dict[str, Tensor]]:
    """The changed weights, for `write_checkpoint`: of LoRAs, W + sum of weight * (alpha / rank) * up @ down.

    A change that depends on the weight (DoRA) is that of what earlier LoRAs left, as in the WebUI. Computed in float32
    and returned in the checkpoint's own precision.

    Raises:
        UserError: a LoRA does not fit the checkpoint, or the sum overflows the checkpoint's precision.
    """
    family, parts = checkpoint.family, checkpoint.family.facts.trainable_parts
    places = {
        family.lora_name(checkpoint.architecture, part, name.removesuffix(".weight")): (part, name)
        for part in parts
        for name in checkpoint.parts[part]
        if name.endswith(".weight")
    }
    loras = [with_usual_names(lora, family, checkpoint.architecture) for lora in loras]
    merged: dict[str, dict[str, Tensor]] = {part: {} for part in parts}
    for lora in loras:
        refuse_unknown_layers(lora, places)
    for layer in dict.fromkeys(layer for lora in loras for layer in lora.modules):
        part, name = places[layer]
        own = checkpoint.parts[part][name]
        changes = [(lora.modules[layer], lora.weight, lora.called) for lora in loras if layer in lora.modules]
        for change, _, called in changes:
            refuse_other_size(name, change, own.shape, called)
        values = added_one_by_one(own, [(change, weight) for change, weight, _ in changes])
        merged[part][name] = _in_precision_of(own, name, values)
    return merged


def _in_precision_of(own: Tensor, name: str, values: Tensor) -> Tensor:
    converted = values.to(own.dtype)
    if not torch.isfinite(converted.float()).all():
        precision = str(own.dtype).removeprefix("torch.")
        raise UserError(f"Merged, {name} overflows {precision}: use smaller weights or another LoRA.")
    return converted
