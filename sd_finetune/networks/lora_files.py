"""LoRA files on a model: several together, each with its own weight."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..families.family import Architecture, DiffusionModel, Family, TargetLayer, target_layers
from ..formats.lora import LoraModule
from .adapter import AdapterNetwork
from .lora import LoraLayer


class WeightedLora(NamedTuple):
    """A LoRA's layers by name, and its weight. `called`: its name in messages."""

    modules: Mapping[str, LoraModule]
    weight: float = 1.0
    called: str = "The LoRA"


def combine_loras(loras: Sequence[WeightedLora]) -> dict[str, LoraModule]:
    """One LoRA with the effect of all of these together; layers of one name have one shape.

    Low-rank changes add up when their `down` are stacked and their `up` are concatenated.
    """
    names = dict.fromkeys(name for lora in loras for name in lora.modules)
    return {name: _stacked([(o.modules[name], o.weight) for o in loras if name in o.modules]) for name in names}


def _stacked(layers: Sequence[tuple[LoraModule, float]]) -> LoraModule:
    if len(layers) == 1 and layers[0][1] == 1:
        return layers[0][0]
    down = torch.cat([layer.down.float() for layer, _ in layers])
    up = torch.cat([layer.up.float() * (weight * layer.alpha / layer.rank) for layer, weight in layers], dim=1)
    return LoraModule(down, up, alpha=down.shape[0])


def attach_loras(model: DiffusionModel, loras: Sequence[WeightedLora]) -> list[AdapterNetwork]:
    """Attach LoRA files to `model`, all together; the networks can be detached.

    Raises:
        UserError: the model has no such layer, or one of another size.
    """
    known = _layers_of(model)
    usual = [with_usual_names(lora, model.family, model.architecture) for lora in loras]
    modules = combine_loras([_with_shapes_of(lora, known) for lora in usual])
    networks: list[AdapterNetwork] = []
    for part in model.family.facts.trainable_parts:
        chosen = {
            known[name].path: (known[name].module, own) for name, own in modules.items() if known[name].part == part
        }
        targets = {path: original for path, (original, _) in chosen.items()}
        network = AdapterNetwork(targets, {path: _filled(*pair) for path, pair in chosen.items()})
        network.to(*model.place_of(part)).requires_grad_(False)
        network.attach()
        networks.append(network)
    return networks


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


def _with_shapes_of(lora: WeightedLora, known: Mapping[str, _KnownLayer]) -> WeightedLora:
    """The LoRA with its layers in the shapes of the model's: a 1x1 convolution may be stored as linear."""
    refuse_unknown_layers(lora, known)
    shaped: dict[str, LoraModule] = {}
    for name, module in lora.modules.items():
        _, path, original = known[name]
        out, *into = original.weight.shape
        down = fitted(path, module.down, (module.rank, *into), lora.called)
        up = fitted(path, module.up, (out, module.rank, *[1] * len(into[1:])), lora.called)
        shaped[name] = replace(module, down=down, up=up)
    return lora._replace(modules=shaped)


def _filled(original: nn.Module, module: LoraModule) -> LoraLayer:
    """The layer beside `original` with the file's values."""
    layer = LoraLayer(original, module.rank, module.alpha, torch.Generator())
    layer.down.weight.data.copy_(module.down)
    layer.up.weight.data.copy_(module.up)
    return layer


def with_usual_names(lora: WeightedLora, family: Family, architecture: Architecture) -> WeightedLora:
    """The LoRA with its layers by the family's own names, whichever its file has."""
    return lora._replace(modules=usual_names(lora.modules, family, architecture))


def usual_names(modules: Mapping[str, LoraModule], family: Family, architecture: Architecture) -> dict[str, LoraModule]:
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


def fitted(path: str, values: Tensor, shape: Sequence[int], called: str) -> Tensor:
    """`values` in the shape of the layer at `path`: (out, in) and (out, in, 1, 1) are equivalent.

    Raises:
        UserError: they are of another size; `called` is their origin in the message.
    """
    if values.numel() != math.prod(shape) or tuple(values.shape[:2]) != tuple(shape[:2]):
        raise UserError(
            f"{called} has a layer for {path} of size {tuple(values.shape)}, but this checkpoint needs "
            f"{tuple(shape)}: use one that was trained on this kind of checkpoint."
        )
    return values.reshape(tuple(shape))
