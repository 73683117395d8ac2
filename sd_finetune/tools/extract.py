"""Extracts a LoRA from the difference of two checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..errors import UserError
from ..families.differences import first_difference
from ..families.family import target_layers
from ..families.load_model import load_model
from ..formats.checkpoint import Checkpoint
from ..settings.lora_ranks import LayerRanks
from .svd import Truncation, factored, norm


def extract_lora(
    base: Checkpoint,
    tuned: Checkpoint,
    ranks: LayerRanks,
    with_text_encoder: bool,
    report: Callable[[int, int], None],
) -> dict[tuple[str, str], Truncation]:
    """Low-rank layers that turn `base` into nearly `tuned`, by part and path.

    Layers that are equal in both are left out. ranks: which layers there are, and of which rank, as in training.
    report: called with (layers done, layers in all).

    Raises:
        UserError: the two have different architectures, or are equal in these layers.
    """
    _refuse_other_architecture(base, tuned)
    pairs = _layer_pairs(base, tuned, base.family.facts.trainable_parts if with_text_encoder else ("unet",))
    sizes = {place: ranks.of(*place, base.family.layer_kind(*place)) for place in pairs}
    pairs = {place: pair for place, pair in pairs.items() if sizes[place]}
    found: dict[tuple[str, str], Truncation] = {}
    for done, (place, (old, new)) in enumerate(pairs.items()):
        report(done, len(pairs))
        change = new.float() - old.float()
        if not torch.isfinite(change).all():
            raise UserError(f"{place[1]} has NaN or infinite values in one of the two: use other checkpoints.")
        if change.any():
            found[place] = factored(change, sizes[place])
    report(len(pairs), len(pairs))
    if not found:
        raise UserError(
            f"{base.path} and {tuned.path} have equal weights in all layers of this LoRA, so there is "
            "nothing to extract: choose others, or other layers with --targets or --conv-rank."
        )
    return found


def _refuse_other_architecture(base: Checkpoint, tuned: Checkpoint) -> None:
    difference = first_difference(base.architecture, tuned.architecture, base.family.facts.trainable_parts)
    if difference:
        raise UserError(
            f"{base.path} and {tuned.path} have different architectures ({difference}): choose two "
            "checkpoints of one architecture."
        )


def change_norms(base: Checkpoint, tuned: Checkpoint) -> dict[str, float]:
    """The Frobenius norm of the whole difference, in all layers of the UNet and of the text encoders, by part."""

    def norm_of(part: str) -> float:
        one, other = base.parts[part], tuned.parts[part]
        return math.hypot(*(norm(other[name].float() - tensor.float()) for name, tensor in one.items()))

    return {part: norm_of(part) for part in base.family.facts.trainable_parts}


def _layer_pairs(
    base: Checkpoint, tuned: Checkpoint, parts: Sequence[str]
) -> dict[tuple[str, str], tuple[Tensor, Tensor]]:
    """The weights of both checkpoints by part and path of the layer, memory-mapped."""
    pairs: dict[tuple[str, str], tuple[Tensor, Tensor]] = {}
    models = load_model(base), load_model(tuned)
    for part in parts:
        old, new = (target_layers(model.module(part)) for model in models)
        pairs |= {(part, path): (layer.weight, new[path].weight) for path, layer in old.items()}
    return pairs
