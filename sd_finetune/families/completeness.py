"""What the names and shapes of a checkpoint's tensors tell of it, and whether it is whole; needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..settings.algorithms import LayerSize
from .ldm.layer_kinds import layer_kind
from .lora_layers import LayerAt
from .recognition import Shapes
from .table import FAMILIES

if TYPE_CHECKING:
    from .family import Architecture


def needed_tensors(family: str, shapes: Shapes, yaml_text: str | None, folder: Path | None) -> list[str]:
    """The names in the file of all tensors of the modules. `family`: a key of FAMILIES.

    Raises:
        UserError: config and tensors contradict each other, or the number of attention heads is unknown.
        KeyError: a tensor is missing; its name.
    """
    assert family in FAMILIES
    return import_module(f".{family}.completeness", __package__).needed_tensors(shapes, yaml_text, folder)


def architecture_of(family: str, shapes: Shapes, yaml_text: str | None, folder: Path | None) -> Architecture:
    """The sizes of the model. Arguments and errors as above."""
    infer = _of_family(family, "infer_sizes").infer_architecture
    return infer(_usual(family, shapes), yaml_text, folder)


def lora_layers(family: str, architecture: Architecture, shapes: Shapes) -> tuple[LayerAt, ...]:
    """The layers that a LoRA can stand beside, of a checkpoint whose tensors have these shapes. Raises KeyError."""
    places, usual = _of_family(family, "keys").name_table(architecture), _usual(family, shapes)
    return layers_among(
        {
            part: {name: place.shape_of(usual[place.name]) for name, place in places[part].items()}
            for part in FAMILIES[family].trainable_parts
        }
    )


def stored_vae(family: str, architecture: Architecture, shapes: Shapes) -> dict[str, tuple[str, tuple[int, ...]]]:
    """By the names of diffusers' module, the usual name and shape of each tensor of the VAE of such a checkpoint."""
    keys, usual = _of_family(family, "keys"), _usual(family, shapes)
    names = {name: place.name for name, place in keys.name_table(architecture)["vae"].items()}
    return {name: (in_file, keys.file_shape(in_file, usual[in_file])) for name, in_file in names.items()}


def usual_name(family: str, name: str) -> str:
    """As `Family.usual_name`."""
    return _of_family(family, "keys").usual_spelling(name)


def layer_name(family: str, architecture: Architecture, part: str, path: str) -> str:
    """As `Family.lora_name`."""
    return _of_family(family, "completeness").layer_name(architecture, part, path)


def usual_layer_name(family: str, architecture: Architecture, name: str) -> str:
    """As `Family.usual_lora_name`."""
    return _of_family(family, "targets").usual_lora_name(architecture, name)


def _usual(family: str, shapes: Shapes) -> dict[str, tuple[int, ...]]:
    spelling = _of_family(family, "keys").usual_spelling
    return {spelling(name): shape for name, shape in shapes.items()}


def _of_family(family: str, module: str) -> Any:
    assert family in FAMILIES
    return import_module(f".{family}.{module}", __package__)


def layers_among(parts: Mapping[str, Shapes]) -> tuple[LayerAt, ...]:
    """The same of the parts that can be trained, by the names and shapes of their modules' tensors."""
    found: list[LayerAt] = []
    for part, shapes in parts.items():
        for name, shape in shapes.items():
            path, _, ending = name.rpartition(".")
            if ending != "weight" or len(shape) < 2:
                continue
            kind = layer_kind(part, path)
            if kind:
                found.append(LayerAt(part, path, kind, LayerSize(shape[0], shape[1], prod(shape[2:]))))
    return tuple(found)
