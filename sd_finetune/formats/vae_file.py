"""VAEs in files of their own, in LDM's names or those of diffusers' module.

with_vae(base, path) -> Checkpoint: the same with that VAE in place of its own
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from ..errors import UserError
from ..reading.diffusers_folder import vae_files
from .checkpoint import Checkpoint
from .tensor_file import read_tensors, refuse_not_finite

PART = "vae"
WAY_OUT = "choose the VAE of a model of the same kind, or leave it empty for the checkpoint's own"


def with_vae(base: Checkpoint, path: Path) -> Checkpoint:
    """The checkpoint with the VAE of another file, in that file's precision.

    Args:
        path: a VAE alone as the WebUI has them, one of diffusers, its folder too, or a whole checkpoint, of which the
            VAE is taken.

    Raises:
        UserError: the file is missing, damaged, has no VAE, or one of other sizes; or has NaN or infinite weights.
    """
    read = {name: tensor for file in vae_files(path) for name, tensor in read_tensors(file).tensors.items()}
    own = _usual_names(base, read)
    places = base.places[PART]
    found = {name: own.get(place.name, own.get(f"{_start(base)}{name}")) for name, place in places.items()}
    absent = [name for name, tensor in found.items() if tensor is None]
    if absent:
        some = f"lacks {len(absent)} tensors of a VAE, such as {absent[0]}"
        raise UserError(f"{path} {'has no VAE' if len(absent) == len(found) else some}: {WAY_OUT}.")
    tensors = {name: tensor for name, tensor in found.items() if tensor is not None}
    refuse_not_finite(path, tensors.values())
    return replace(base, tensors={**base.tensors, **_as_in_base(base, path, tensors)})


def _start(base: Checkpoint) -> str:
    return base.family.facts.part_prefixes[PART]


def _usual_names(base: Checkpoint, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As they are called in a checkpoint; a VAE alone has no beginning of names in common."""
    start = _start(base)
    if any(name.startswith(start) for name in tensors):
        tensors = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
    return {base.family.usual_name(f"{start}{name}"): tensor for name, tensor in tensors.items()}


def _as_in_base(base: Checkpoint, path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    changed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        place = base.places[PART][name]
        shape = base.tensors[place.name].shape
        if tensor.numel() != shape.numel() or (tensor.dim() == len(shape) and tensor.shape != shape):
            sizes = f"{tuple(tensor.shape)} instead of {tuple(shape)}"
            raise UserError(
                f"{path} has a VAE of other sizes than {base.path.name} needs ({name}: {sizes}): {WAY_OUT}."
            )
        changed[place.name] = tensor.reshape(shape)
    return changed
