"""Where a tensor of a module stands in a checkpoint file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """The file's tensor, and what of it is the module's."""

    name: str
    """In the file."""
    share: tuple[int, int] = (0, 1)
    """(k, n): the k-th of n equal parts along the first side, from 0; (0, 1) is all of it."""
    transposed: bool = False
    """Of a matrix whose sides are the other way round in the file."""

    def called(self, name: str) -> Place:
        """The same place in a file that has another name for the tensor."""
        return replace(self, name=name)

    def shape_of(self, shape: Shape) -> Shape:
        """The shape of what is taken from a file's tensor of this shape."""
        own = (shape[0] // self.share[1], *shape[1:]) if self.share[1] > 1 else shape
        return own[::-1] if self.transposed else own

    def shape_in_file(self, shape: Shape) -> Shape:
        """The shape of the file's tensor, given that of a module's."""
        own = shape[::-1] if self.transposed else shape
        return (own[0] * self.share[1], *own[1:]) if self.share[1] > 1 else own

    def taken_from(self, tensor: Tensor) -> Tensor:
        """The module's tensor, a view of the file's."""
        number, parts = self.share
        own = tensor.chunk(parts)[number] if parts > 1 else tensor
        return own.T if self.transposed else own


def put_into(tensor: Tensor, changes: Sequence[tuple[Place, Tensor]]) -> Tensor:
    """A file's tensor with other values at some places in it; the given one stays as it is."""
    import torch  # for files alone: their names and places are known without

    place, first = changes[0]
    if place.share[1] == 1:
        return _as_in_file(place, first).reshape(tensor.shape)
    shares = [share.to(first.device) for share in tensor.chunk(place.share[1])]
    for each, value in changes:
        number, _ = each.share
        shares[number] = _as_in_file(each, value).reshape(shares[number].shape)
    return torch.cat(shares)


def new_tensor(values: Sequence[tuple[Place, Tensor]]) -> Tensor:
    """A file's tensor of the values at all of its places."""
    import torch

    in_order = sorted(values, key=lambda each: each[0].share)
    parts = [_as_in_file(place, value) for place, value in in_order]
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _as_in_file(place: Place, value: Tensor) -> Tensor:
    return value.T if place.transposed else value


def whole(names: Mapping[str, str]) -> dict[str, Place]:
    """The places of tensors that stand in a file as in the module: module's name to file's."""
    return {name: Place(in_file) for name, in_file in names.items()}


def file_names(places: Mapping[str, Mapping[str, Place]]) -> list[str]:
    """Every name once, in order."""
    return list(dict.fromkeys(place.name for part in places.values() for place in part.values()))
