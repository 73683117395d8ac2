"""A VAE of a file of its own in the place of a checkpoint's; for the file's tensors, and for what its header says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Protocol, TypeVar

from ...errors import UserError
from ...families.recognition import Shapes

WAY_OUT = "choose the VAE of a model of the same kind, or leave it empty for the checkpoint's own"


class _HasShape(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...


Value = TypeVar("Value", bound=_HasShape)


@dataclass(frozen=True)
class VaePlace:
    """Where a checkpoint has its VAE. start: of its tensors' names. names: in the file, by those of diffusers' module.

    shapes: by the former. usual_name: the name in the file of a tensor that some programs call otherwise.
    """

    checkpoint: Path
    start: str
    names: Mapping[str, str]
    shapes: Shapes
    usual_name: Callable[[str], str]


def vae_tensors(path: Path, tensors: Mapping[str, Value], place: VaePlace) -> dict[str, Value]:
    """Of all of a file's or folder's tensors, those of its VAE, by the names that the checkpoint has.

    Raises:
        UserError: it has no VAE, a part of one, or one of other sizes.
    """
    own = _usual_names(tensors, place)
    found = {name: own.get(in_file, own.get(f"{place.start}{name}")) for name, in_file in place.names.items()}
    absent = [name for name, tensor in found.items() if tensor is None]
    if absent:
        some = f"lacks {len(absent)} tensors of a VAE, such as {absent[0]}"
        raise UserError(f"{path} {'has no VAE' if len(absent) == len(found) else some}: {WAY_OUT}.")
    chosen = {name: tensor for name, tensor in found.items() if tensor is not None}
    for name, tensor in chosen.items():
        _refuse_other_size(path, name, tuple(tensor.shape), place)
    return {place.names[name]: tensor for name, tensor in chosen.items()}


def _usual_names(tensors: Mapping[str, Value], place: VaePlace) -> dict[str, Value]:
    """As they are called in a checkpoint; a VAE alone has no beginning of names in common."""
    start = place.start
    if any(name.startswith(start) for name in tensors):
        tensors = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
    return {place.usual_name(f"{start}{name}"): tensor for name, tensor in tensors.items()}


def _refuse_other_size(path: Path, name: str, found: tuple[int, ...], place: VaePlace) -> None:
    wanted = place.shapes[place.names[name]]
    if prod(found) != prod(wanted) or (len(found) == len(wanted) and found != wanted):
        sizes = f"{found} instead of {wanted}"
        raise UserError(
            f"{path} has a VAE of other sizes than {place.checkpoint.name} needs ({name}: {sizes}): {WAY_OUT}."
        )
