"""How the tensors of a model in diffusers' layout stand in one file; needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from .facts import FamilyFacts
from .place import Place
from .recognition import Shapes

Config = Mapping[str, Any]


@dataclass(frozen=True)
class OneFile:
    """config: what stands beside such a file. places: part to the module's tensor name to where it stands in it."""

    config: str
    places: Mapping[str, Mapping[str, Place]]


def one_file(family: FamilyFacts, configs: Mapping[str, Config], scheduler: Config) -> OneFile:
    """Of a family's model. configs: by part.

    Raises:
        UserError: a config says what no model of the family has.
    """
    own, keys = _module(family, "diffusers_config"), _module(family, "keys")
    encoders: Sequence[Config] = [configs[part] for part in family.text_encoders]
    architecture = own.architecture_of(configs["unet"], configs["vae"], encoders, scheduler)
    return OneFile(own.to_yaml(architecture), keys.name_table(architecture))


def shapes_in_file(
    family: FamilyFacts, places: Mapping[str, Mapping[str, Place]], parts: Mapping[str, Shapes]
) -> Shapes:
    """The shapes of the file's tensors by name, given those of the modules' by part."""
    keys = _module(family, "keys")
    return {
        place.name: keys.file_shape(place.name, place.shape_in_file(parts[part][name]))
        for part, own in places.items()
        for name, place in own.items()
    }


def _module(family: FamilyFacts, name: str) -> Any:
    return import_module(f".{family.name}.{name}", __package__)
