"""A change in the sizes of another one, with the same effect: what training continues from."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

from .change import Change

C = TypeVar("C", bound=Change)


def grown(change: C, start: C) -> C:
    """`change` with the ranks, the alpha and the shapes of `start`, float32.

    Ranks beyond those of `change` keep the values of `start` in one of their two matrices, and have zeros in the other.

    Raises:
        ValueError: `start` has another form, other sizes or a lower rank; says which, as the rest of a sentence.
    """
    old, new = change.tensors(), start.tensors()
    if old.keys() != new.keys():
        raise ValueError(f"has {_listed(change)}, and {_listed(start)} are trained here")
    values = {field: own.detach().float() for field, own in old.items()}
    of_pairs = {field for pair in change.PAIRS for field in pair if field in old}
    for a, b in (pair for pair in change.PAIRS if pair[0] in old):
        values[a], values[b] = _padded(values[a], values[b], new[a].float(), new[b].float(), (a, b))
    for field in values.keys() - of_pairs:
        values[field] = _reshaped(values[field], new[field].shape, field)
    first = next(iter(values)) if not of_pairs else next(pair[0] for pair in change.PAIRS if pair[0] in old)
    values[first] = values[first] * (change.scale / start.scale)
    return start.with_tensors(values)


def _padded(a: Tensor, b: Tensor, new_a: Tensor, new_b: Tensor, names: tuple[str, str]) -> tuple[Tensor, Tensor]:
    """Two matrices (out, rank) and (rank, in) in the shapes of others of the same or a higher rank."""
    rank = len(b)
    if rank > len(new_b):
        raise ValueError(f"has rank {rank}, and rank {len(new_b)} is trained here")
    whole_a, whole_b = torch.zeros_like(new_a), new_b.clone()
    whole_a[:, :rank] = _reshaped(a, whole_a[:, :rank].shape, names[0])
    whole_b[:rank] = _reshaped(b, whole_b[:rank].shape, names[1])
    return whole_a, whole_b


def _reshaped(value: Tensor, shape: torch.Size, name: str) -> Tensor:
    if value.numel() != shape.numel() or value.shape[0] != shape[0]:
        raise ValueError(f"has {name} of size {tuple(value.shape)}, and {tuple(shape)} is trained here")
    return value.reshape(shape)


def _listed(change: Change) -> str:
    return ", ".join(change.tensors())
