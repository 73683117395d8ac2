"""Whether a checkpoint of a family is whole, by the names and shapes of its tensors; needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from math import prod
from pathlib import Path

from ..settings.algorithms import LayerSize
from .ldm.layer_kinds import layer_kind
from .lora_layers import LayerAt
from .recognition import Shapes
from .table import FAMILIES


def needed_tensors(family: str, shapes: Shapes, yaml_text: str | None, folder: Path | None) -> list[str]:
    """The names in the file of all tensors of the modules. `family`: a key of FAMILIES.

    Raises:
        UserError: config and tensors contradict each other, or the number of attention heads is unknown.
        KeyError: a tensor is missing; its name.
    """
    assert family in FAMILIES
    return import_module(f".{family}.completeness", __package__).needed_tensors(shapes, yaml_text, folder)


def native_side(family: str, shapes: Shapes, yaml_text: str | None, folder: Path | None) -> int:
    """Side of the images that the model was trained on, in pixels. Arguments and errors as above."""
    assert family in FAMILIES
    sizes, keys = (import_module(f".{family}.{name}", __package__) for name in ("infer_sizes", "keys"))
    usual = {keys.usual_spelling(name): shape for name, shape in shapes.items()}
    return sizes.infer_architecture(usual, yaml_text, folder).image_size * 8


def lora_layers(family: str, shapes: Shapes, yaml_text: str | None, folder: Path | None) -> tuple[LayerAt, ...]:
    """The layers that a LoRA can stand beside. Arguments and errors as above."""
    assert family in FAMILIES
    sizes, keys = (import_module(f".{family}.{name}", __package__) for name in ("infer_sizes", "keys"))
    usual = {keys.usual_spelling(name): shape for name, shape in shapes.items()}
    places = keys.name_table(sizes.infer_architecture(usual, yaml_text, folder))
    return layers_among(
        {
            part: {name: place.shape_of(usual[place.name]) for name, place in places[part].items()}
            for part in FAMILIES[family].trainable_parts
        }
    )


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
