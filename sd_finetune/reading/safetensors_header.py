"""The header of a .safetensors: 8 bytes of length, then JSON that names each tensor's type, shape and place."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO, cast

from .door import parse_json
from .layout import ITEM_BYTES, MOST_TENSORS, Layout, Storage, StoredTensor, checked_shape

METADATA_KEY = "__metadata__"
MOST_HEADER_BYTES = 32 << 20
"""Most of it is metadata, such as a picture in it; that of all tensors of the largest models is under 1 MB."""


MOST_BRACES = MOST_TENSORS + 20_000
"""One for each tensor, and those of JSON in the metadata."""


class TooMany(ValueError):
    """More names than any model has."""


def read_header(file: BinaryIO, size: int) -> Layout:
    """The layout of an open .safetensors of `size` bytes.

    Raises:
        ValueError: the header contradicts itself or the file's size.
    """
    (length,) = struct.unpack("<Q", file.read(8))
    if length > size - 8:
        raise ValueError("the header is longer than the file")
    if length > MOST_HEADER_BYTES:
        raise TooMany
    text = file.read(length)
    if text.count(b"{") > MOST_BRACES:  # before it is parsed, which takes seconds for a million
        raise TooMany
    header: Any = parse_json(text.decode("utf-8"))
    if not isinstance(header, dict):
        raise ValueError("the header is not a table")
    entries = cast("dict[str, Any]", header)
    metadata = _metadata(entries.pop(METADATA_KEY, {}))
    if len(entries) > MOST_TENSORS:
        raise TooMany
    places = {name: _place(entry) for name, entry in entries.items()}
    _refuse_gaps(places, size - 8 - length)
    for name in entries:
        name.encode()  # a lone surrogate, which could be neither shown nor saved
    tensors = {
        name: StoredTensor(Storage(dtype, (end - start) // ITEM_BYTES[dtype], 8 + length + start), shape)
        for name, (dtype, shape, start, end) in places.items()
    }
    return Layout(tensors, metadata, size=size)


def _metadata(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    entries = cast("dict[str, Any]", value)
    for name, text in entries.items():
        if not isinstance(text, str):
            raise ValueError("metadata that is not text")
        (name + text).encode()
    return entries


Place = tuple[str, tuple[int, ...], int, int]
"""Type, shape, and where the bytes start and end, counted from the end of the header."""


def _place(entry: dict[str, Any]) -> Place:
    dtype, shape, (start, end) = entry["dtype"], checked_shape(entry["shape"]), checked_shape(entry["data_offsets"])
    if dtype not in ITEM_BYTES:
        raise UnknownType(str(dtype)[:20])
    count = 1
    for side in shape:
        count *= side
    if end - start != count * ITEM_BYTES[dtype]:
        raise ValueError("a shape that contradicts its place")
    return dtype, shape, start, end


class UnknownType(ValueError):
    """A type of numbers that is not used for training."""


def _refuse_gaps(places: dict[str, Place], size: int) -> None:
    """All bytes belong to exactly one tensor."""
    end = 0
    for start, next_end in sorted(place[2:] for place in places.values()):
        if start != end:
            raise ValueError("tensors overlap, or leave a gap")
        end = next_end
    if end != size:
        raise ValueError("the file is not as long as its header says")
