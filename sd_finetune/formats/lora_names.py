"""The layers of a LoRA file by the names of its tensors, kohya's, LyCORIS's, diffusers' or PEFT's; needs no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UserError
from ..families.ldm.foreign_lora_names import ForeignName, foreign_name
from ..settings.algorithms import ALGORITHMS, ALPHA_ENDING, DORA_ENDING, KNOWN_ENDINGS
from .embedding_layout import is_of_word

NO_WEIGHTS = "tensors are empty, of several algorithms, or no numbers with a fraction"


@dataclass
class NamedLayers:
    """layers: by kohya's name of each, the names of its tensors by what follows. foreign: of those named otherwise."""

    layers: dict[str, dict[str, str]] = field(default_factory=dict[str, "dict[str, str]"])
    foreign: dict[str, ForeignName] = field(default_factory=dict[str, ForeignName])

    def is_by_output(self, layer: str, ending: str) -> bool:
        """Whether a tensor is DoRA's sizes as PEFT has them, one for each output, in several shapes."""
        return ending == DORA_ENDING and layer in self.foreign


def named_layers(path: Path, names: Iterable[str]) -> NamedLayers:
    """The layers of the file `path`. Raises UserError: it is not a LoRA, or has layers of other kinds too."""
    found, unknown = NamedLayers(), ""
    for name in names:
        if is_of_word(name):
            continue
        foreign = foreign_name(name)
        layer, ending = (foreign.layer, foreign.ending) if foreign else name.partition(".")[::2]
        if foreign:
            found.foreign[layer] = foreign
        if ending in KNOWN_ENDINGS:
            found.layers.setdefault(layer, {})[ending] = name
        else:
            unknown = unknown or name
    if not found.layers or all(tensors.keys() == {ALPHA_ENDING} for tensors in found.layers.values()):
        raise UserError(f"{path} is not a LoRA of a known layout (kohya's, LyCORIS's, diffusers'): choose another.")
    if unknown:
        titles = ", ".join(facts.title for facts in ALGORITHMS.values())
        raise UserError(
            f"{path} is a LoRA of a kind that is not supported, with tensors like {unknown}: choose one of {titles}."
        )
    return found


def broken_layer(path: Path, name: str, fault: object) -> UserError:
    """For a layer whose tensors are not what its kind has. fault: the rest of a sentence."""
    return UserError(f"{path} has a layer {name} whose {fault}: copy or download the file again, or choose another.")


def several_alphas(path: Path, name: str, count: int) -> UserError:
    """For a layer that has so many values as its alpha."""
    return UserError(f"{path} has {count} values as {name}.{ALPHA_ENDING} instead of one: copy or download it again.")
