"""VAEs in files of their own, in LDM's names or those of diffusers' module.

with_vae(base, path) -> Checkpoint: the same with that VAE in place of its own
with_vae_of(base, other) -> Checkpoint: the same with another checkpoint's
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..reading.diffusers_folder import vae_files
from .checkpoint import Checkpoint
from .fit.vae import VaePlace, vae_tensors
from .tensor_file import read_tensors, refuse_not_finite

PART = "vae"


def with_vae(base: Checkpoint, path: Path) -> Checkpoint:
    """The checkpoint with the VAE of another file, in that file's precision.

    Args:
        path: a VAE alone as the WebUI has them, one of diffusers, its folder too, or a whole checkpoint, of which the
            VAE is taken.

    Raises:
        UserError: the file is missing, damaged, has no VAE, or one of other sizes; or has NaN or infinite weights.
    """
    read = {name: tensor for file in vae_files(path) for name, tensor in read_tensors(file).tensors.items()}
    place = _place_in(base)
    found = vae_tensors(path, read, place)
    refuse_not_finite(path, found.values())
    changed = {name: tensor.reshape(place.shapes[name]) for name, tensor in found.items()}
    return replace(base, tensors={**base.tensors, **changed})


def with_vae_of(base: Checkpoint, other: Checkpoint) -> Checkpoint:
    """The checkpoint with the VAE of another, which has the same sizes, in that one's precision."""
    own = {place.name: other.parts[PART][name] for name, place in base.places[PART].items()}
    changed = {name: tensor.reshape(base.tensors[name].shape) for name, tensor in own.items()}
    return replace(base, tensors={**base.tensors, **changed})


def _place_in(base: Checkpoint) -> VaePlace:
    names = {name: place.name for name, place in base.places[PART].items()}
    shapes = {in_file: tuple(base.tensors[in_file].shape) for in_file in names.values()}
    return VaePlace(base.path, base.family.facts.part_prefixes[PART], names, shapes, base.family.usual_name)
