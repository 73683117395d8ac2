"""What a VAE's file tells before it is loaded, without torch.

vae_fault(path, base, checkpoint) -> why there is none in it, or none for that checkpoint
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path

from ..errors import UserError
from ..families.completeness import usual_name
from ..reading.diffusers_folder import is_vae, vae_files
from ..reading.layout import StoredTensor
from ..reading.read_layout import read_layout
from .classify import classify, in_words
from .fit.vae import VaePlace, vae_tensors
from .known_base import KnownBase, stamp

HAVE_ONE = ("vae", "checkpoint")


def vae_fault(path: Path, base: KnownBase | None = None, checkpoint: Path | None = None) -> str:
    """Why no VAE can be taken from a file or folder, as a sentence; "" where one can, or where nothing is there.

    base: what is known of the file `checkpoint`, which it is to fit; None where that cannot be read.
    """
    if not is_vae(path):
        return ""
    try:
        files = vae_files(path)
        tensors = _read_before(path, files, *map(stamp, files))
        if base and checkpoint:
            vae_tensors(path, tensors, _place_in(base, checkpoint))
    except UserError as error:
        return str(error)
    return ""


@lru_cache(maxsize=8)  # the tab asks with every change of its form
def _read_before(path: Path, files: tuple[Path, ...], *stamps: tuple[int, int]) -> Mapping[str, StoredTensor]:
    """All tensors. Raises UserError if none of the files is one with a VAE."""
    layouts = [read_layout(file) for file in files]
    kinds = [classify(layout) for layout in layouts]
    if not any(kind in HAVE_ONE for kind, _ in kinds):
        raise UserError(
            f"{path} is {in_words(*kinds[0])}, which has no VAE: choose a VAE, or leave it empty for the checkpoint's "
            "own."
        )
    return {name: tensor for layout in layouts for name, tensor in layout.tensors.items()}


def _place_in(base: KnownBase, checkpoint: Path) -> VaePlace:
    family = base.family
    names = {name: in_file for name, (in_file, _) in base.vae.items()}
    return VaePlace(
        checkpoint, family.part_prefixes["vae"], names, dict(base.vae.values()), partial(usual_name, family.name)
    )
