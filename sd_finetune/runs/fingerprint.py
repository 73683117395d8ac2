"""Tells files apart by their content, without reading all of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..reading.diffusers_folder import folder_files, is_diffusers_folder
from ..reading.door import open_regular, reader

PIECES = 64
PIECE_BYTES = 64 * 1024


@reader
def fingerprint(path: Path) -> str:
    """16 hexadecimal digits of SHA-256 over the size and 64 pieces of 64 KiB spread evenly over the file.

    Independent of the path; different after any training, which changes every weight. That of a folder in diffusers'
    layout is made of those of its files.
    """
    if is_diffusers_folder(path):
        own = "".join(map(fingerprint, folder_files(path)))
        return hashlib.sha256(own.encode()).hexdigest()[:16]
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with open_regular(path) as file:
        for k in range(PIECES):
            file.seek(max(size - PIECE_BYTES, 0) * k // (PIECES - 1))
            digest.update(file.read(PIECE_BYTES))
    return digest.hexdigest()[:16]
