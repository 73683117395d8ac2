"""What a base checkpoint's file tells before it is loaded, without torch: its family, its sizes, what suits it.

base_of(settings) -> KnownBase | None
memory_of(settings) -> its MemoryFacts
resolved(settings) -> Settings with the numbers that a run is made of
base_faults(settings) -> what its kind of checkpoint rules out
base_fault(settings) -> why it cannot be read
family_of(path) -> the name of its family
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import UserError
from ..families.completeness import architecture_of, lora_layers, needed_tensors, stored_vae
from ..families.facts import FamilyFacts, MemoryFacts
from ..families.table import DEFAULT_FAMILY, FAMILIES
from ..reading.diffusers_folder import files_of_model, is_model
from ..reading.door import reader
from ..settings.base_defaults import BaseDefaults, resolved_for
from ..settings.options import Settings
from .base_file import base_layout
from .checkpoint_config import config_beside, find_config, naming_missing
from .classify import family_of_checkpoint
from .parts import refuse_missing_parts
from .prediction import told_prediction
from .usable_base import refuse_no_weights

if TYPE_CHECKING:
    from ..families.family import Architecture
    from ..families.ldm.sizes import TextEncoderSizes

LATENT_PIXEL = 8
"""Pixels."""


@dataclass(frozen=True)
class KnownBase:
    """A checkpoint. memory: by its own sizes. vae: by the names of diffusers' module, usual name and shape of each."""

    family: FamilyFacts
    architecture: Architecture
    memory: MemoryFacts
    vae: Mapping[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict[str, "tuple[str, tuple[int, ...]]"])

    @property
    def native_side(self) -> int:
        """Of the images that it was trained on, in pixels."""
        return self.architecture.image_size * LATENT_PIXEL

    @property
    def text_layers(self) -> int:
        """Of the first text encoder."""
        return cast("TextEncoderSizes", self.architecture.sizes[self.family.text_encoders[0]]).num_hidden_layers

    @property
    def defaults(self) -> BaseDefaults:
        """What options amount to that are left to the checkpoint."""
        return BaseDefaults(self.native_side, self.family.learning_rates)


@reader
def known_base(path: Path, config: Path | None = None, fallback_config: Path | None = None) -> KnownBase:
    """Look into a checkpoint. config, fallback_config: its LDM config, as for `read_checkpoint`.

    Raises:
        UserError: it is not a checkpoint of a supported family, or not whole.
    """
    layout = base_layout(path)
    name = family_of_checkpoint(path, layout)
    facts = FAMILIES[name]
    refuse_missing_parts(path, facts, layout.tensors)
    found = find_config(path, layout.metadata, config, fallback_config)
    with naming_missing(path, facts):
        names = needed_tensors(name, layout.shapes, found.text, found.folder)
        architecture = architecture_of(name, layout.shapes, found.text, found.folder)
        layers = lora_layers(name, architecture, layout.shapes)
        vae = stored_vae(name, architecture, layout.shapes)
    refuse_no_weights(path, layout.tensors, names)
    if told := told_prediction(layout.tensors, layout.metadata, found):
        architecture = replace(cast("Any", architecture), prediction_type=told)
    counts = {
        part: sum(layout.tensors[name].elements for name in names if name.startswith(start))
        for part, start in facts.part_prefixes.items()
    }
    encoders = sum(counts[part] for part in facts.text_encoders)
    memory = facts.memory.of_size(counts["unet"], encoders, counts["vae"])
    return KnownBase(facts, architecture, replace(memory, layers=layers), vae)


def base_of(settings: Settings) -> KnownBase | None:
    """The settings' base checkpoint, None where it cannot be read, which whoever loads it tells."""
    try:
        return _known(settings)
    except UserError:
        return None


def base_fault(settings: Settings) -> str:
    """Why the settings' base checkpoint cannot be read, as a sentence; "" where it can, or is not there at all."""
    try:
        _known(settings)
    except UserError as error:
        return str(error) if is_model(Path(settings.base.checkpoint)) else ""
    return ""


def _known(settings: Settings) -> KnownBase | None:
    """None where none is named. Raises UserError as `known_base`."""
    path = Path(settings.base.checkpoint)
    config = Path(settings.base.config) if settings.base.config else None
    if not path.name:
        return None
    return _known_before(path, config, *map(stamp, (*files_of_model(path), config or config_beside(path))))


@lru_cache(maxsize=8)  # the tab asks with every change of its form
def _known_before(path: Path, config: Path | None, *stamps: tuple[int, int]) -> KnownBase:
    return known_base(path, config)


def family_of(path: Path) -> str:
    """The name of a checkpoint's family, "" of what is no checkpoint of one that can be trained."""
    try:
        return _family_before(path, *map(stamp, files_of_model(path)))
    except UserError:
        return ""


@lru_cache(maxsize=8)  # every look at the server asks for that of the loaded one, whatever it is
def _family_before(path: Path, *stamps: tuple[int, int]) -> str:
    try:
        return family_of_checkpoint(path, base_layout(path))
    except UserError:
        return ""


def stamp(file: Path) -> tuple[int, int]:
    """What changes when a file does; 0 where it is missing, or no file can be called so."""
    try:
        facts = file.stat()
    except (OSError, ValueError):
        return 0, 0
    return facts.st_mtime_ns, facts.st_size


def memory_of(settings: Settings) -> MemoryFacts:
    """The size of the settings' base checkpoint, or that of most where it cannot be read."""
    base = base_of(settings)
    return base.memory if base else FAMILIES[DEFAULT_FAMILY].memory


def resolved(settings: Settings) -> Settings:
    """The settings with what their "auto" amounts to for their base; as they are where that cannot be read."""
    base = base_of(settings)
    return settings if base is None else resolved_for(settings, base.defaults)


def base_faults(settings: Settings) -> dict[str, str]:
    """By the option's name, a sentence about what the base checkpoint rules out, as far as that can be read."""
    base, name = base_of(settings), "train.clip_skip"
    fault = base.family.clip_skip_fault(settings.train.clip_skip, base.text_layers, name) if base else ""
    return {name: fault} if fault else {}
