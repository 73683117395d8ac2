"""What is in a file of tensors, without the tensors: names, types, sizes and places.

Layout(tensors, metadata, content, size); StoredTensor(storage, shape, offset, stride); Storage(dtype, elements, start)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Any

ITEM_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
"""Bytes of a number, by safetensors' name of its type."""
FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")

MOST_TENSORS = 100_000
"""Of one file; the largest models in use have a few thousand."""
MOST_DIMENSIONS = 8
MOST_USES = 2
"""How often, on average, tensors may share the bytes of a file: a few are tied in some models, none are in most."""


@dataclass
class Storage:
    """Numbers of one type, one after another in the file."""

    dtype: str
    """A key of ITEM_BYTES."""
    elements: int
    start: int | None = None
    """Position of the first in the file, in bytes; None until it is known."""

    @property
    def bytes(self) -> int:
        return self.elements * ITEM_BYTES[self.dtype]


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor in a file."""

    storage: Storage
    shape: tuple[int, ...]
    offset: int = 0
    """Of its first number in the storage, in numbers."""
    stride: tuple[int, ...] | None = None
    """In numbers; None where it stands row by row."""

    @property
    def dtype(self) -> str:
        return self.storage.dtype

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def span(self) -> int:
        """Numbers of the storage from its first to its last."""
        if not self.elements or self.stride is None:
            return self.elements
        return 1 + sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))


def are_stored_weights(tensors: Iterable[StoredTensor]) -> bool:
    """Whether all are numbers with a fraction, and none is empty."""
    return all(tensor.dtype in FLOATS and tensor.elements for tensor in tensors)


@dataclass(frozen=True)
class Layout:
    """The content of a file."""

    tensors: dict[str, StoredTensor]
    """By name; of a pickle that has a `state_dict`, those of it."""
    metadata: dict[str, str]
    content: dict[Any, Any] = field(default_factory=dict[Any, Any])
    """All of a pickle; empty for a .safetensors."""
    size: int = 0
    """Of the file, in bytes."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tensor.shape for name, tensor in self.tensors.items()}


def checked_shape(value: Any) -> tuple[int, ...]:
    """A shape or a stride out of a file. Raises ValueError if it is none."""
    if not isinstance(value, (list, tuple)):
        raise ValueError("no shape")
    shape: tuple[Any, ...] = tuple(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if len(shape) > MOST_DIMENSIONS or not all(type(side) is int and 0 <= side < 1 << 48 for side in shape):
        raise ValueError("no shape")
    return shape


def refuse_lies(tensors: Iterable[StoredTensor], size: int) -> None:
    """Raise ValueError if a tensor has numbers that are not in the file, or all claim far more than there are."""
    total = 0
    for tensor in tensors:
        storage, item = tensor.storage, ITEM_BYTES[tensor.dtype]
        if storage.start is None or storage.start < 0 or storage.start + storage.bytes > size:
            raise ValueError("a storage beyond the end of the file")
        if tensor.offset < 0 or tensor.offset + max(tensor.span, tensor.elements) > storage.elements:
            raise ValueError("a tensor beyond the end of its storage")
        total += tensor.elements * item
    if total > MOST_USES * size:
        raise ValueError("the same bytes stand for many tensors")
