"""A base checkpoint in diffusers' layout, read as if it were one file; needs no torch for its layout.

    folder_layout(path) -> FolderLayout(family, layout, pieces)

The names, shapes and config are those of one file, so that whatever is made from it is as if it were made from that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..families.facts import FamilyFacts
from ..families.from_diffusers import one_file, shapes_in_file
from ..families.ldm.diffusers_config import usual_module_name
from ..families.place import Place
from ..families.recognition import BASES, base_of_unet
from ..families.table import FAMILIES, supported_titles
from ..reading.diffusers_folder import Part, part_of, pipeline_class, scheduler_of
from ..reading.door import reader
from ..reading.layout import Layout, Storage, StoredTensor
from ..reading.read_layout import read_layout
from .metadata_keys import CONFIG_KEY

FORMAT_KEY = "format"
"""What the Hugging Face libraries write and need; says nothing."""


@dataclass(frozen=True)
class Piece:
    """A module's tensor: the file that it is in, its name there, and its place in one file."""

    file: Path
    name: str
    stored: StoredTensor
    place: Place


@dataclass(frozen=True)
class FolderLayout:
    """What is in such a folder."""

    family: FamilyFacts
    layout: Layout
    """As of one file; what a tensor's numbers are is known, and not where they stand."""
    pieces: tuple[Piece, ...]


@reader
def folder_layout(path: Path) -> FolderLayout:
    """Look into a folder.

    Raises:
        UserError: it is of another kind of model, or lacks a part or a tensor.
    """
    family = _family(path)
    parts = {name: part_of(path, name) for name in family.part_prefixes}
    stored = {name: dict(_tensors(name, part)) for name, part in parts.items()}
    _refuse_other_base(path, family, {name: own.shape for name, (_, _, own) in stored["unet"].items()})
    try:
        file = one_file(family, {name: part.config for name, part in parts.items()}, scheduler_of(path))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    _refuse_other_tensors(path, family, file.places, stored)
    pieces = tuple(
        Piece(*stored[part][name], place) for part, own in file.places.items() for name, place in own.items()
    )
    shapes = shapes_in_file(
        family, file.places, {part: {name: own.shape for name, (*_, own) in s.items()} for part, s in stored.items()}
    )
    dtypes = {piece.place.name: piece.stored.dtype for piece in pieces}
    tensors = {name: _placeless(dtypes[name], shape) for name, shape in shapes.items()}
    size = sum(file.stat().st_size for part in parts.values() for file in part.files)
    metadata = {**_metadata(parts["unet"]), CONFIG_KEY: file.config}
    return FolderLayout(family, Layout(tensors, metadata, size=size), pieces)


def _family(path: Path) -> FamilyFacts:
    name = pipeline_class(path)
    for facts in FAMILIES.values():
        if name in facts.pipelines:
            return facts
    wanted = " or ".join(facts.pipelines[0] for facts in FAMILIES.values())
    raise UserError(
        f"{path} is a model for diffusers' {name}, and only {supported_titles()} is supported here: choose a folder of "
        f"a {wanted}."
    )


def _tensors(part: str, own: Part) -> Iterator[tuple[str, tuple[Path, str, StoredTensor]]]:
    """By the module's usual name."""
    for file in own.files:
        for name, tensor in read_layout(file).tensors.items():
            yield usual_module_name(part, name), (file, name, tensor)


def _metadata(part: Part) -> dict[str, str]:
    metadata = read_layout(part.files[0]).metadata
    return {name: text for name, text in metadata.items() if name != FORMAT_KEY}


def _refuse_other_base(path: Path, family: FamilyFacts, shapes: Mapping[str, tuple[int, ...]]) -> None:
    base = base_of_unet(shapes)
    if base not in ("", family.name):
        raise UserError(
            f"{path} is {BASES[base]} in diffusers' layout, and only {supported_titles()} is supported: choose one of "
            "these."
        )


def _refuse_other_tensors(
    path: Path,
    family: FamilyFacts,
    places: Mapping[str, Mapping[str, Place]],
    stored: Mapping[str, Mapping[str, object]],
) -> None:
    for part, own in places.items():
        missing = next((name for name in own if name not in stored[part]), "")
        if missing:
            raise UserError(
                f"{path}/{part} is not a complete {family.part_titles[part]} by its config.json ({missing} is "
                "missing): download or save the model whole."
            )
        more = next((name for name in stored[part] if name not in own), "")
        if more and part not in family.text_encoders:  # which have position ids, and a projection that is not used
            raise UserError(
                f"{path}/{part} has {more}, which no {family.part_titles[part]} of {family.title} has: choose another "
                "model."
            )


def _placeless(dtype: str, shape: tuple[int, ...]) -> StoredTensor:
    tensor = StoredTensor(Storage(dtype, 0), shape)
    tensor.storage.elements = tensor.elements
    return tensor
