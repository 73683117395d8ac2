"""Tensors on disk: safetensors and safe pickles read memory-mapped, safetensors written without a copy.

    read_tensors(path) -> TensorFile(tensors, metadata, is_safetensors), memory-mapped where the file allows it
    write_tensors(path, tensors, metadata, dtypes=None), whole or not at all
    tensor_bytes(tensor, dtype) -> the bytes that a file holds of it
    safetensors_header(layout, metadata) -> bytes
    DTYPES: precision "fp16" | "bf16" | "fp32" -> torch.dtype

Written here and not with `safetensors.torch.save_file`: before 0.8 that first gathers a copy of all tensors, and it
cannot change their type one at a time.
"""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import UserError
from ..runs.atomic import replacing

DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}

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


@dataclass(frozen=True)
class TensorFile:
    """What a file holds. Tensors of a pickle that has a `state_dict` are those of it."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    is_safetensors: bool


def read_tensors(path: Path) -> TensorFile:
    """Open a `.safetensors`, or a `.ckpt`/`.pt` by torch's weights-only loader; which one it is, its first bytes tell.

    Raises:
        UserError: the file is missing, cut short, damaged, of another kind, or a pickle of more than tensors.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path}: check the path.")
    with path.open("rb") as file:
        start = file.read(9)
    if start[:2] in (b"PK", b"\x80\x02"):
        return TensorFile(_tensors_of(_read_pickle(path)), {}, is_safetensors=False)
    if len(start) < 9 or start[8:] != b"{":
        raise UserError(
            f"{path} is neither a .safetensors nor a torch .ckpt file (it may be an error page saved under that name): "
            "choose another file or fetch it again."
        )
    return _read_safetensors(path)


def _read_safetensors(path: Path) -> TensorFile:
    try:
        # safe_open has neither types nor an iterator.
        with cast("Any", safe_open)(str(path), framework="pt", device="cpu") as file:
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return TensorFile(tensors, dict(file.metadata() or {}), is_safetensors=True)
    except (SafetensorError, ValueError) as error:
        raise UserError(f"{path} is cut short or damaged ({error}): copy or download it again.") from error


def _read_pickle(path: Path) -> Any:
    # Only a zip can be memory-mapped; torch wrote plain pickles before 1.6, and the WebUI still takes them.
    mapped = zipfile.is_zipfile(path)
    try:
        return torch.load(str(path), map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} holds more than tensors, and reading that could run a program hidden in it: convert it to "
            ".safetensors first, for example with the WebUI's checkpoint merger."
        ) from error
    except (RuntimeError, EOFError) as error:
        raise UserError(f"{path} is cut short or damaged: copy or download it again.") from error


def _tensors_of(content: Any) -> dict[str, Tensor]:
    outer = cast("dict[Any, Any]", content) if isinstance(content, dict) else {}
    inner: dict[Any, Any] = outer.get("state_dict", outer)
    return {str(name): value for name, value in inner.items() if isinstance(value, Tensor)}


def write_tensors(
    path: Path,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    dtypes: Mapping[str, torch.dtype] | None = None,
) -> None:
    """Write a `.safetensors`; tensors named in `dtypes` are converted, one at a time, as they are written.

    Raises:
        UserError: there is no space left for the file.
    """
    dtypes = dtypes or {}
    layout = {name: (dtypes.get(name, tensor.dtype), tuple(tensor.shape)) for name, tensor in tensors.items()}
    # The widest types first, as in safetensors' own files, so that each tensor starts at a multiple of its width.
    order = sorted(layout, key=lambda name: (-layout[name][0].itemsize, name))
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        file.write(safetensors_header({name: layout[name] for name in order}, metadata))
        for name in order:
            file.write(tensor_bytes(tensors[name], layout[name][0]))


def safetensors_header(layout: Mapping[str, tuple[torch.dtype, tuple[int, ...]]], metadata: Mapping[str, str]) -> bytes:
    """Everything before the first tensor: the header's length (8 bytes, little-endian) and the header (JSON)."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, (dtype, shape) in layout.items():
        start, end = end, end + dtype.itemsize * torch.Size(shape).numel()
        header[name] = {"dtype": _DTYPE_NAMES[dtype], "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def tensor_bytes(tensor: Tensor, dtype: torch.dtype) -> memoryview:
    """The tensor's elements as `dtype`, row by row; without a copy if it is contiguous, on the CPU and of that type."""
    plain = tensor.detach().to("cpu", dtype).contiguous().flatten()
    return memoryview(cast("Any", plain.view(torch.uint8)).numpy())
