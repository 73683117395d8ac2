"""Hashes by which the WebUI and kohya's scripts identify model files.

file_hashes(path) -> (8 digits of the WebUI's first hash, SHA-256 of the file)
kohya_hashes(tensors, metadata) -> {"sshs_model_hash": ..., "sshs_legacy_hash": ...}
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from ..reading.diffusers_folder import files_of_model, is_diffusers_folder, is_part_folder
from ..reading.door import open_regular, reader
from .tensor_file import file_pieces

LEGACY_START, LEGACY_BYTES = 0x100000, 0x10000
"""The piece of a file that the WebUI's first hash is computed from."""


@reader
def file_hashes(path: Path) -> tuple[str, str]:
    """The 8 digit hash and the SHA-256 (64 digits) of a file, or of the files of a model; reads all of it."""
    if is_diffusers_folder(path) or is_part_folder(path):
        return legacy_hash(path), sha256_of_folder(path, lambda file: file_hashes(file)[1])
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while piece := file.read(1 << 22):
            digest.update(piece)
    return legacy_hash(path), digest.hexdigest()


@reader
def legacy_hash(path: Path) -> str:
    """The 8 digit hash of a file alone, of which little is read; "" for a folder, for which the WebUI has none."""
    if is_diffusers_folder(path) or is_part_folder(path):
        return ""
    with open_regular(path) as file:
        file.seek(LEGACY_START)
        return hashlib.sha256(file.read(LEGACY_BYTES)).hexdigest()[:8]


def sha256_of_folder(path: Path, sha256_of: Callable[[Path], str]) -> str:
    """One hash for a model of several files, wherever the folder is. sha256_of: that of each file."""
    digest = hashlib.sha256()
    for file in files_of_model(path):
        digest.update(f"{file.relative_to(path).as_posix()}\n{sha256_of(file)}\n".encode())
    return digest.hexdigest()


def kohya_hashes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, str]:
    """The hashes of a LoRA as kohya's scripts and the WebUI compute them.

    `sshs_model_hash`: SHA-256 of all tensors' bytes. `sshs_legacy_hash`: of 64 KiB at 1 MiB into the file that has only
    the `ss_*` metadata, so that a title edited later does not change it; 8 digits.
    """
    training = {name: value for name, value in metadata.items() if name.startswith("ss_")}
    model, legacy = hashlib.sha256(), hashlib.sha256()
    position = 0
    for piece in file_pieces(tensors, training):
        if position:
            model.update(piece)
        legacy.update(piece[max(0, LEGACY_START - position) : max(0, LEGACY_START + LEGACY_BYTES - position)])
        position += len(piece)
    return {"sshs_model_hash": model.hexdigest(), "sshs_legacy_hash": legacy.hexdigest()[:8]}
