"""Tensors on disk: safetensors and safe pickles read memory-mapped, safetensors written without a copy.

    read_tensors(path) -> TensorFile(tensors, metadata, content), memory-mapped where the file allows it
    refuse_not_finite(path, tensors): UserError
    converted(path, tensor, dtype) -> the tensor as it is written, or UserError if it is not finite then
    fits(tensor, dtype): whether it is
    write_tensors(path, tensors, metadata, dtypes=None), whole or not at all
    write_legacy_pickle(path, content), likewise
    file_pieces(tensors, metadata, dtypes=None) -> the bytes of such a file, piece by piece
    FILE_DTYPES: precision "fp16" | "bf16" | "fp32" -> torch.dtype

Written here and not with `safetensors.torch.save_file`: before 0.8 that first gathers a copy of all tensors, and it
cannot change their type one at a time.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import NotFiniteError, UserError
from ..runs.atomic import replacing

METADATA_KEY = "__metadata__"
"""Where a .safetensors has its metadata, and a pickle of ours too."""

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


@dataclass(frozen=True)
class TensorFile:
    """The content of a file."""

    tensors: dict[str, Tensor]
    """By name; of a pickle that has a `state_dict`, those of it."""
    metadata: dict[str, str]
    content: dict[Any, Any]
    """All of a pickle; empty for a .safetensors."""


def read_tensors(path: Path) -> TensorFile:
    """Open a `.safetensors`, or a `.ckpt`/`.pt` by torch's weights-only loader; its first bytes decide which.

    Raises:
        UserError: the file is missing, incomplete, damaged, of another kind, or a pickle of more than tensors.
    """
    start = _first_bytes(path)
    if start[8:] == b"{":
        return _read_safetensors(path)
    if start[:2] in (b"PK", b"\x80\x02"):
        content = _read_pickle(path)
        return TensorFile(_tensors_of(content), _metadata_of(content), content)
    if len(start) < 9:
        raise _damaged(path)
    raise UserError(
        f"{path} is neither a .safetensors nor a torch .ckpt file (it may be an error page saved under that name): "
        "choose another file or download it again."
    )


def _first_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise UserError(f"{path} is a folder: choose a .safetensors or .ckpt file.")
    if not path.is_file():
        raise UserError(f"File {path} not found: check the path.")
    try:
        with path.open("rb") as file:
            return file.read(9)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check its permissions and its disk.") from error


def _read_safetensors(path: Path) -> TensorFile:
    try:
        # safe_open has neither types nor an iterator.
        with cast("Any", safe_open)(str(path), framework="pt", device="cpu") as file:
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return TensorFile(tensors, dict(file.metadata() or {}), {})
    except (SafetensorError, ValueError) as error:
        raise _damaged(path) from error


def _read_pickle(path: Path) -> dict[Any, Any]:
    # Only a zip can be memory-mapped; torch wrote plain pickles before 1.6, and the WebUI still takes them.
    mapped = zipfile.is_zipfile(path)
    try:
        with warnings.catch_warnings():
            # torch 2.1's own loader uses what it warns of.
            warnings.filterwarnings("ignore", "TypedStorage is deprecated", UserWarning)
            content: Any = torch.load(str(path), map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        if not mapped and "nsupported" not in str(error):
            raise _damaged(path) from error
        is_checkpoint = path.suffix == ".ckpt"
        merged = "convert it to .safetensors first, for example with the WebUI's checkpoint merger"
        way_out = merged if is_checkpoint else "use one with tensors only, as the WebUI saves them"
        raise UserError(
            f"{path} is a pickle with more than tensors, which could run code when it is loaded: {way_out}."
        ) from error
    except Exception as error:  # a damaged file fails anywhere in the unpickler, with any exception
        raise _damaged(path) from error
    return cast("dict[Any, Any]", content) if isinstance(content, dict) else {}


def _damaged(path: Path) -> UserError:
    return UserError(f"{path} is incomplete or damaged: copy or download it again.")


def _tensors_of(content: dict[Any, Any]) -> dict[str, Tensor]:
    inner: Any = content.get("state_dict", content)
    if not isinstance(inner, dict):
        return {}
    named = cast("dict[Any, Any]", inner)
    return {str(name): value for name, value in named.items() if isinstance(value, Tensor)}


def _metadata_of(content: dict[Any, Any]) -> dict[str, str]:
    found: Any = content.get(METADATA_KEY)
    entries = cast("dict[Any, Any]", found) if isinstance(found, dict) else {}
    return {name: text for name, text in entries.items() if isinstance(name, str) and isinstance(text, str)}


def refuse_not_finite(path: Path, tensors: Iterable[Tensor]) -> None:
    """Raise UserError if a value in a file is NaN or infinite, which makes the file useless."""
    if not all(bool(tensor.float().isfinite().all()) for tensor in tensors):
        raise UserError(f"{path} has NaN or infinite values, as a failed training leaves them: choose another file.")


def fits(tensor: Tensor, dtype: torch.dtype) -> bool:
    """Whether all values are finite, and stay so in `dtype`."""
    return bool(tensor.detach().to(dtype).isfinite().all())


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


def write_tensors(
    path: Path,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    dtypes: Mapping[str, torch.dtype] | None = None,
) -> None:
    """Write a `.safetensors`; tensors named in `dtypes` are converted, one at a time, as they are written.

    Raises:
        NotFiniteError: one of those is not finite then.
        UserError: there is no space left for the file.
    """
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        for piece in file_pieces(tensors, metadata, dtypes, path):
            file.write(piece)


def write_legacy_pickle(path: Path, content: Mapping[Any, Any]) -> None:
    """Write a pickle in torch's format before 1.6: the WebUI's check refuses the zip that newer versions write.

    Serialized in memory first, as torch's own message on a full disk names neither file nor reason. For small files.

    Raises:
        UserError: the file cannot be written.
    """
    whole = io.BytesIO()
    torch.save(dict(content), whole, _use_new_zipfile_serialization=False)
    with replacing(path) as unfinished:
        unfinished.write_bytes(whole.getbuffer())


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
