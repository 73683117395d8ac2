"""A base checkpoint, one file or a folder of diffusers, whichever it is.

base_layout(path) -> Layout with the names of one file; needs no torch
stored_weights(path, layout, names) -> (file, tensors in it) of what these are made of
base_tensors(path) -> TensorFile
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..reading.diffusers_folder import is_diffusers_folder
from ..reading.door import reader
from ..reading.layout import Layout, StoredTensor
from ..reading.read_layout import read_layout
from .diffusers_folder import Piece, folder_layout

if TYPE_CHECKING:
    from torch import Tensor

    from .tensor_file import TensorFile


@reader
def base_layout(path: Path) -> Layout:
    """What is in it. Raises UserError as `read_layout`, or where a folder is not whole or of another kind."""
    return folder_layout(path).layout if is_diffusers_folder(path) else read_layout(path)


def stored_weights(path: Path, layout: Layout, names: Collection[str]) -> Iterator[tuple[Path, list[StoredTensor]]]:
    """The files, and what of them the named tensors are made of. layout: as `base_layout` found it."""
    if not is_diffusers_folder(path):
        yield path, [layout.tensors[name] for name in names]
        return
    by_file: dict[Path, list[StoredTensor]] = {}
    for piece in folder_layout(path).pieces:
        by_file.setdefault(piece.file, []).append(piece.stored)
    yield from by_file.items()


@reader
def base_tensors(path: Path) -> TensorFile:
    """All tensors, memory-mapped, but for those of a folder that one file has in one. Raises UserError as above."""
    from .tensor_file import TensorFile, read_tensors  # imports torch

    if not is_diffusers_folder(path):
        return read_tensors(path)
    found = folder_layout(path)
    files = {file: read_tensors(file).tensors for file in {piece.file for piece in found.pieces}}
    shapes = found.layout.shapes
    tensors = {name: tensor.reshape(shapes[name]).contiguous() for name, tensor in _joined(found.pieces, files)}
    return TensorFile(tensors, found.layout.metadata, {}, found.layout)


def _joined(pieces: Collection[Piece], files: Mapping[Path, Mapping[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    from ..families.place import new_tensor

    values: dict[str, list[Piece]] = {}
    for piece in pieces:
        values.setdefault(piece.place.name, []).append(piece)
    for name, own in values.items():
        yield name, new_tensor([(piece.place, files[piece.file][piece.name]) for piece in own])
