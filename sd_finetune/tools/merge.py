"""LoRAs merged into a checkpoint's weights, and taken out of the difference of two checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..families.parts import load_parts
from ..formats.checkpoint import Checkpoint
from ..formats.lora import kohya_name
from ..networks.lora import WeightedLora, fitted, refuse_unknown_layers, text_encoder_targets, unet_targets
from .svd import Truncation, change_of, factored

TARGETS: dict[str, Callable[[nn.Module], dict[str, nn.Module]]] = {
    "unet": unet_targets,
    "text_encoder": text_encoder_targets,
}


def merge_loras(checkpoint: Checkpoint, loras: Sequence[WeightedLora]) -> dict[str, dict[str, Tensor]]:
    """The weights that change, W + sum of weight * (alpha / rank) * up @ down, for `write_checkpoint`.

    Computed in float32 and returned in the checkpoint's own types.

    Raises:
        UserError: a LoRA does not fit the checkpoint, or the sum does not fit the checkpoint's number format.
    """
    places = {
        kohya_name(part, name.removesuffix(".weight")): (part, name)
        for part in TARGETS
        for name in checkpoint.parts[part]
        if name.endswith(".weight")
    }
    merged: dict[str, dict[str, Tensor]] = {part: {} for part in TARGETS}
    for lora in loras:
        refuse_unknown_layers(lora, places)
    for layer in dict.fromkeys(layer for lora in loras for layer in lora.modules):
        part, name = places[layer]
        own = checkpoint.parts[part][name]
        added = [
            weight * fitted(name, change_of(modules[layer]), own.shape, called)
            for modules, weight, called in loras
            if layer in modules
        ]
        merged[part][name] = _in_type_of(own, name, own.float() + torch.stack(added).sum(dim=0))
    return merged


def _in_type_of(own: Tensor, name: str, values: Tensor) -> Tensor:
    converted = values.to(own.dtype)
    if not torch.isfinite(converted.float()).all():
        kind = str(own.dtype).removeprefix("torch.")
        raise UserError(f"Merged, {name} holds numbers that {kind} cannot: use smaller weights or a sound LoRA.")
    return converted


def extract_lora(
    base: Checkpoint,
    tuned: Checkpoint,
    rank: int,
    with_text_encoder: bool,
    report: Callable[[int, int], None],
) -> dict[tuple[str, str], Truncation]:
    """What turns `base` into nearly `tuned`, for the layers that our LoRA trains, by part and path.

    Layers that are the same in both are left out. report: called with (layers done, layers in all).

    Raises:
        UserError: the two are not of one architecture, or are the same in these layers.
    """
    _refuse_other_architecture(base, tuned)
    pairs = _layer_pairs(base, tuned, [part for part in TARGETS if with_text_encoder or part == "unet"])
    found: dict[tuple[str, str], Truncation] = {}
    for done, (place, (old, new)) in enumerate(pairs.items()):
        report(done, len(pairs))
        change = new.float() - old.float()
        if not torch.isfinite(change).all():
            raise UserError(f"{place[1]} holds numbers that are not finite in one of the two: use sound checkpoints.")
        if change.any():
            found[place] = factored(change, rank)
    report(len(pairs), len(pairs))
    if not found:
        raise UserError(
            f"{base.path} and {tuned.path} are the same in all layers that a LoRA changes: there is nothing to extract."
        )
    return found


def _refuse_other_architecture(base: Checkpoint, tuned: Checkpoint) -> None:
    one, other = base.architecture, tuned.architecture
    for what in ("unet", "text_encoder", "prediction_type"):
        if getattr(one, what) != getattr(other, what):
            difference = _difference(getattr(one, what), getattr(other, what))
            raise UserError(
                f"{base.path} and {tuned.path} differ in their {what} ({difference}): a LoRA can only be "
                "extracted from two checkpoints of one architecture."
            )


def _difference(one: Any, other: Any) -> str:
    """The first size that differs, or the two values themselves."""
    if not is_dataclass(one):
        return f"{one} and {other}"
    name = next(field.name for field in fields(one) if getattr(one, field.name) != getattr(other, field.name))
    return f"{name} {getattr(one, name)} and {getattr(other, name)}"


def change_norms(base: Checkpoint, tuned: Checkpoint) -> dict[str, float]:
    """The Frobenius norm of the whole difference of the UNets and of the text encoders, all layers, by part."""

    def norm(part: str) -> float:
        one, other = base.parts[part], tuned.parts[part]
        return math.hypot(*(float((other[name].float() - tensor.float()).norm()) for name, tensor in one.items()))

    return {part: norm(part) for part in TARGETS}


def _layer_pairs(
    base: Checkpoint, tuned: Checkpoint, parts: Sequence[str]
) -> dict[tuple[str, str], tuple[Tensor, Tensor]]:
    """The weights of both checkpoints by part and path of the layer, memory-mapped."""
    models = load_parts(base), load_parts(tuned)
    return {
        (part, path): (old.weight, new.weight)
        for part in parts
        for (path, old), new in zip(
            TARGETS[part](models[0].module(part)).items(), TARGETS[part](models[1].module(part)).values(), strict=True
        )
    }
