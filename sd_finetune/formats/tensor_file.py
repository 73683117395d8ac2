"""Tensors on disk: safetensors and torch files read memory-mapped, safetensors written without a copy.

    read_tensors(path) -> TensorFile(tensors, metadata, content, layout), memory-mapped
    are_weights(tensors) -> bool
    not_finite(tensors) -> names
    refuse_not_finite(path, tensors): UserError
    converted(path, tensor, dtype) -> the tensor as it is written, or UserError if it is not finite then
    fits(tensor, dtype), is_finite(tensor): whether it is
    write_tensors(path, tensors, metadata, dtypes=None), whole or not at all
    write_legacy_pickle(path, content, metadata=None), likewise
    file_pieces(tensors, metadata, dtypes=None) -> the bytes of such a file, piece by piece
    FILE_DTYPES: precision "fp16" | "bf16" | "fp32" -> torch.dtype

Written here and not with `safetensors.torch.save_file`: before 0.8 that first gathers a copy of all tensors, and it
cannot change their type one at a time.
"""

from __future__ import annotations

import io
import json
import math
import mmap
import pickle
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from ..errors import NotFiniteError, UserError
from ..reading.door import open_regular, reader
from ..reading.layout import Layout, StoredTensor
from ..reading.read_layout import read_layout
from ..reading.safetensors_header import METADATA_KEY
from ..runs.atomic import replacing
from .image_embedding import INNER, read_image
from .image_file import is_image

FILE_DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}

_DTYPE_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
Name = TypeVar("Name")
_DTYPES = {name: dtype for dtype, name in _DTYPE_NAMES.items()}


@dataclass(frozen=True)
class TensorFile:
    """The content of a file."""

    tensors: dict[str, Tensor]
    """By name; of a pickle that has a `state_dict`, those of it."""
    metadata: dict[str, str]
    content: dict[Any, Any]
    """All of a pickle; empty for a .safetensors."""
    layout: Layout
    """The same without the tensors."""


@reader
def read_tensors(path: Path) -> TensorFile:
    """Open a `.safetensors`, or a `.ckpt`/`.pt`/`.bin` of torch, memory-mapped; or an image with an embedding in it.

    Raises:
        UserError: the file is missing, incomplete, damaged, of another kind, or a pickle of more than tensors.
    """
    if is_image(path):
        return _of_image(path)
    layout = read_layout(path)
    with open_regular(path) as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)  # a change in place never reaches the file
    made: dict[int, Any] = {}
    content = _with_tensors(layout.content, mapped, made)
    tensors = {name: _with_tensors(stored, mapped, made) for name, stored in layout.tensors.items()}
    return TensorFile(tensors, layout.metadata, content, layout)


def _of_image(path: Path) -> TensorFile:
    layout, arrays = read_image(path)
    content = {**layout.content, INNER: {name: torch.as_tensor(own) for name, own in arrays.items()}}
    return TensorFile({}, {}, content, layout)


def _with_tensors(value: Any, mapped: mmap.mmap, made: dict[int, Any]) -> Any:
    """Tables and lists, whose depth is bounded, with tensors in place of what stands for them; `made`: those by id."""
    if not isinstance(value, (StoredTensor, dict, list, tuple)):
        return value
    key = id(cast("object", value))
    if key not in made:
        if isinstance(value, StoredTensor):
            made[key] = _tensor(mapped, value)
        elif isinstance(value, dict):
            table = cast("dict[Any, Any]", value)
            made[key] = {name: _with_tensors(inner, mapped, made) for name, inner in table.items()}
        else:
            items = [_with_tensors(inner, mapped, made) for inner in cast("list[Any]", value)]
            made[key] = tuple(items) if isinstance(value, tuple) else items
    return made[key]


def _tensor(mapped: mmap.mmap, stored: StoredTensor) -> Tensor:
    dtype = _DTYPES[stored.dtype]
    if not stored.elements:
        return torch.empty(stored.shape, dtype=dtype)
    assert stored.storage.start is not None
    start = stored.storage.start + stored.offset * dtype.itemsize
    plain = torch.frombuffer(mapped, dtype=torch.uint8, count=stored.span * dtype.itemsize, offset=start).view(dtype)
    return plain.view(stored.shape) if stored.stride is None else plain.as_strided(stored.shape, stored.stride)


def are_weights(tensors: Iterable[Tensor]) -> bool:
    """Whether all are numbers with a fraction, and none is empty."""
    return all(tensor.is_floating_point() and tensor.numel() for tensor in tensors)


def refuse_not_finite(path: Path, tensors: Iterable[Tensor]) -> None:
    """Raise UserError if a value in a file is NaN or infinite, which makes the file useless."""
    if not_finite(dict(enumerate(tensors))):
        raise UserError(f"{path} has NaN or infinite values, as a failed training leaves them: choose another file.")


def fits(tensor: Tensor, dtype: torch.dtype) -> bool:
    """Whether all values are finite, and stay so in `dtype`."""
    return is_finite(tensor.detach().to(dtype))


def converted(path: Path, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """The tensor on the CPU and in the type in which it is written into the file `path`.

    Raises:
        NotFiniteError: a value is NaN or infinite, or beyond the range of the type.
    """
    result = tensor.detach().to("cpu", dtype).contiguous()
    if fits(result, dtype):
        return result
    precision = str(dtype).removeprefix("torch.")
    if fits(tensor, torch.float32):
        problem = f"values up to {float(tensor.abs().max()):.3g}, beyond the range of {precision}"
        raise NotFiniteError(f"{path} is not written, as it would have {problem}: use fp32 or bf16.")
    raise NotFiniteError(f"{path} is not written, as it would have NaN or infinite values: use other weights.")


def not_finite(tensors: Mapping[Name, Tensor]) -> list[Name]:
    """The names of the tensors with a NaN or infinite value."""
    return [name for name, tensor in tensors.items() if not is_finite(tensor)]


def is_finite(tensor: Tensor) -> bool:
    """Whether no value is NaN or infinite.

    By its largest and its smallest, which NaN becomes too: on a CPU `isfinite` of half precision takes over 10 times as
    long, which is longer than writing the file.
    """
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    values = tensor.float() if tensor.itemsize == 1 else tensor  # float8 has neither
    return math.isfinite(values.max().item()) and math.isfinite(values.min().item())


def write_tensors(
    path: Path,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    dtypes: Mapping[str, torch.dtype] | None = None,
    called: Path | None = None,
) -> None:
    """Write a `.safetensors`; tensors named in `dtypes` are converted, one at a time, as they are written.

    Args:
        called: what an error names in place of `path`.

    Raises:
        NotFiniteError: one of those is not finite then.
        UserError: there is no space left for the file.
    """
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        for piece in file_pieces(tensors, metadata, dtypes, called or path):
            file.write(piece)


def write_legacy_pickle(path: Path, content: Mapping[Any, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Write a pickle in torch's format before 1.6: the WebUI's check refuses the zip that newer versions write.

    Serialized in memory first, as torch's own message on a full disk names neither file nor reason. For small files.

    metadata: where `content` must have nothing but tensors. It joins what torch notes about the system that wrote the
    file, which others read over.

    Raises:
        UserError: the file cannot be written.
    """
    whole = io.BytesIO()
    torch.save(dict(content), whole, _use_new_zipfile_serialization=False)
    with replacing(path) as unfinished:
        unfinished.write_bytes(_with_metadata(whole, metadata) if metadata else whole.getbuffer())


def _with_metadata(whole: io.BytesIO, metadata: Mapping[str, str]) -> bytes:
    """What torch.save wrote just now, with metadata in the third of its pickles, behind its format and version."""
    whole.seek(0)
    for _ in range(2):
        pickle.load(whole)
    start = whole.tell()
    system = {**pickle.load(whole), METADATA_KEY: dict(metadata)}
    content = whole.getvalue()
    return content[:start] + pickle.dumps(system, protocol=2) + content[whole.tell() :]


def file_pieces(
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    dtypes: Mapping[str, torch.dtype] | None = None,
    path: Path = Path("the file"),
) -> Iterator[bytes | memoryview]:
    """The bytes of a `.safetensors`: first all that comes before the first tensor, then each tensor's.

    Raises:
        NotFiniteError: a tensor of `dtypes` is not finite in that type. path: what is named then.
    """
    dtypes = dtypes or {}
    layout = {name: (dtypes.get(name, tensor.dtype), tuple(tensor.shape)) for name, tensor in tensors.items()}
    # The widest types first, as in safetensors' own files, so that each tensor starts at a multiple of its width.
    order = sorted(layout, key=lambda name: (-layout[name][0].itemsize, name))
    yield _header({name: layout[name] for name in order}, metadata)
    for name in order:
        tensor = tensors[name]
        yield _tensor_bytes(converted(path, tensor, dtypes[name]) if name in dtypes else tensor)


def _header(layout: Mapping[str, tuple[torch.dtype, tuple[int, ...]]], metadata: Mapping[str, str]) -> bytes:
    """The header's length (8 bytes, little-endian) and the header (JSON, padded to a multiple of 8)."""
    header: dict[str, Any] = {METADATA_KEY: dict(metadata)} if metadata else {}
    end = 0
    for name, (dtype, shape) in layout.items():
        start, end = end, end + dtype.itemsize * torch.Size(shape).numel()
        header[name] = {"dtype": _DTYPE_NAMES[dtype], "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _tensor_bytes(tensor: Tensor) -> memoryview:
    """The tensor's elements, row by row; without a copy if it is contiguous and on the CPU."""
    plain = tensor.detach().to("cpu").contiguous().flatten()
    return memoryview(cast("Any", plain.view(torch.uint8)).numpy())
