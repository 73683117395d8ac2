"""What a VAE's file tells before it is loaded, without torch.

vae_fault(path) -> why there is none in it
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ..errors import UserError
from ..reading.diffusers_folder import is_vae, vae_files
from ..reading.read_layout import read_layout
from .classify import classify, in_words
from .known_base import stamp

HAVE_ONE = ("vae", "checkpoint")


def vae_fault(path: Path) -> str:
    """Why no VAE can be taken from a file or folder, as a sentence; "" where one can, or where nothing is there."""
    if not is_vae(path):
        return ""
    try:
        files = vae_files(path)
    except UserError as error:
        return str(error)
    return _fault_before(path, files, *map(stamp, files))


@lru_cache(maxsize=8)  # the tab asks with every change of its form
def _fault_before(path: Path, files: tuple[Path, ...], *stamps: tuple[int, int]) -> str:
    try:
        kinds = [classify(read_layout(file)) for file in files]
    except UserError as error:
        return str(error)
    if any(kind in HAVE_ONE for kind, _ in kinds):
        return ""
    return (
        f"{path} is {in_words(*kinds[0])}, which has no VAE: choose a VAE, or leave it empty for the checkpoint's own."
    )
