"""LoRA files on a model: several together, each with its own weight."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import nn

from ..errors import UserError
from ..families.family import Architecture, DiffusionModel, Family, TargetLayer, target_layers
from ..low_rank.dora import Decomposed, StoredChange
from ..low_rank.lora import LoraModule
from .adapter import AdapterNetwork
from .change_layer import SeveralLayer
from .lora import LoraLayer


class WeightedLora(NamedTuple):
    """A LoRA's layers by name, and its weight. `called`: its name in messages."""

    modules: Mapping[str, StoredChange]
    weight: float = 1.0
    called: str = "The LoRA"


def attach_loras(model: DiffusionModel, loras: Sequence[WeightedLora]) -> list[AdapterNetwork]:
    """Attach LoRA files to `model`, all together; the networks can be detached.

    Raises:
        UserError: the model has no such layer, or one of another size.
    """
    known = _layers_of(model)
    usual = [with_usual_names(lora, model.family, model.architecture) for lora in loras]
    for lora in usual:
        refuse_unknown_layers(lora, known)
    names = dict.fromkeys(name for lora in usual for name in lora.modules)
    beside = {name: _beside(known[name], [lora for lora in usual if name in lora.modules], name) for name in names}
    networks: list[AdapterNetwork] = []
    for part in model.family.facts.trainable_parts:
        chosen = {
            known[name].path: (known[name].module, own) for name, own in beside.items() if known[name].part == part
        }
        targets = {path: original for path, (original, _) in chosen.items()}
        network = AdapterNetwork(targets, {path: layer for path, (_, layer) in chosen.items()})
        network.to(*model.place_of(part)).requires_grad_(False)
        network.attach()
        networks.append(network)
    return networks


def _beside(known: _KnownLayer, loras: Sequence[WeightedLora], name: str) -> nn.Module:
    """What has the effect of all these LoRAs on one layer."""
    original, changes = known.module, [(lora.modules[name], lora.weight) for lora in loras]
    for lora, (change, _) in zip(loras, changes, strict=True):
        refuse_other_size(known.path, change, original.weight.shape, lora.called)
    plain = [(change, weight) for change, weight in changes if isinstance(change, LoraModule) and change.mid is None]
    if len(plain) < len(changes):
        return SeveralLayer(original, changes)
    together = _stacked([(_in_shape_of(original, change), weight) for change, weight in plain])
    layer = LoraLayer(original, together.rank, together.alpha, torch.Generator())
    layer.fill(together)
    return layer


def _stacked(layers: Sequence[tuple[LoraModule, float]]) -> LoraModule:
    """One layer with the effect of all: low-rank changes add up when `down` are stacked and `up` are concatenated."""
    if len(layers) == 1 and layers[0][1] == 1:
        return layers[0][0]
    down = torch.cat([layer.down.float() for layer, _ in layers])
    up = torch.cat([layer.up.float() * (weight * layer.scale) for layer, weight in layers], dim=1)
    return LoraModule(down, up, alpha=down.shape[0])


class _KnownLayer(NamedTuple):
    """A layer of the model that a LoRA can stand beside."""

    part: str
    path: str
    module: TargetLayer


def _layers_of(model: DiffusionModel) -> dict[str, _KnownLayer]:
    """Every Linear and convolution layer of the trainable parts, by its name in LoRA files."""
    return {
        model.family.lora_name(model.architecture, part, path): _KnownLayer(part, path, module)
        for part in model.family.facts.trainable_parts
        for path, module in target_layers(model.module(part)).items()
    }


def _in_shape_of(original: TargetLayer, module: LoraModule) -> LoraModule:
    """The layer in the shapes of the model's: a 1x1 convolution may be stored as linear."""
    out, *into = original.weight.shape
    down, up = module.down.reshape(module.rank, *into), module.up.reshape(out, module.rank, *[1] * len(into[1:]))
    return LoraModule(down, up, module.alpha)


def with_usual_names(lora: WeightedLora, family: Family, architecture: Architecture) -> WeightedLora:
    """The LoRA with its layers by the family's own names, whichever its file has."""
    return lora._replace(modules=usual_names(lora.modules, family, architecture))


def usual_names(
    modules: Mapping[str, StoredChange], family: Family, architecture: Architecture
) -> dict[str, StoredChange]:
    """Layers by the family's own names."""
    return {family.usual_lora_name(architecture, name): module for name, module in modules.items()}


def refuse_unknown_layers(lora: WeightedLora, known: Container[str]) -> None:
    """Raise UserError if a checkpoint does not have all layers of a LoRA."""
    unknown = [name for name in lora.modules if name not in known]
    if unknown:
        renamed = ", or give its layers kohya's names" if len(unknown) == len(lora.modules) else ""
        raise UserError(
            f"{lora.called} does not fit this checkpoint, which lacks {len(unknown)} of its layers, such as "
            f"{unknown[0]}: use one that was trained on this kind of checkpoint{renamed}."
        )


def refuse_other_size(path: str, change: StoredChange, shape: Sequence[int], called: str) -> None:
    """Raise UserError if a change does not fit the layer at `path`, whose weight has this shape.

    (out, in) and (out, in, 1, 1) are equivalent. called: the change's origin in the message.
    """
    if change.size != (shape[0], math.prod(shape[1:])):
        raise UserError(
            f"{called} has a layer for {path} of size {change.size}, but this checkpoint needs {tuple(shape)}: use one "
            "that was trained on this kind of checkpoint."
        )
    if isinstance(change, Decomposed) and change.is_by_input and change.magnitude.shape[1] != shape[1]:
        raise UserError(
            f"{called} has {change.magnitude.shape[1]} sizes (dora_scale) for {path}, but this checkpoint needs "
            f"{shape[1]}: use one that was trained on this kind of checkpoint."
        )
