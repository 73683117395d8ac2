"""What torch.save writes: since 1.6 a zip with a pickle and a member for each storage, before it pickles in a row.

read_archive(file, size), read_legacy(file, size) -> Layout
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO, cast

from .door import is_deep
from .layout import Layout, Storage, StoredTensor, refuse_lies
from .safetensors_header import METADATA_KEY, TooMany
from .unpickler import MOST_PICKLE_BYTES, STORAGES, UNTYPED, Global, unpickle

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
MOST_MEMBERS = 110_000
END_RECORD, END_BYTES, MOST_COMMENT = b"PK\5\6", 22, 1 << 16
LOCATOR, LOCATOR_BYTES, END_RECORD_64 = b"PK\6\7", 20, b"PK\6\6"
LOCAL_HEADER, LOCAL_BYTES = b"PK\3\4", 30


class NoTorchArchive(ValueError):
    """A zip of something else."""


class Compressed(ValueError):
    """A zip that was packed anew: torch.save never compresses, and unpacking has no bound."""


def read_archive(file: BinaryIO, size: int) -> Layout:
    """The layout of an open zip that torch.save wrote. Raises ValueError and others for anything else."""
    _refuse_many_members(file, size)
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if len(members) != len(archive.infolist()):
            raise ValueError("a name twice")
        folders = [name.removesuffix("data.pkl") for name in members if name.rpartition("/")[2] == "data.pkl"]
        if len(folders) != 1 or f"{folders[0]}constants.pkl" in members:  # with the latter it is a program
            raise NoTorchArchive
        _refuse_packed(members.values())
        _refuse_big_endian(archive, members.get(f"{folders[0]}byteorder"))
        pickled = members[f"{folders[0]}data.pkl"]
        if pickled.file_size > MOST_PICKLE_BYTES:
            raise TooMany
        found: dict[str, Storage] = {}

        def storage_of(persistent: tuple[Any, ...]) -> Storage:
            key, storage = _storage(persistent)
            if key not in found:
                storage.start = _start(file, members[f"{folders[0]}data/{key}"], storage.bytes)
                found[key] = storage
            return found[key]

        return _layout(unpickle(io.BytesIO(archive.read(pickled)), storage_of), size)


def _refuse_many_members(file: BinaryIO, size: int) -> None:
    """Before zipfile reads the list of members, which takes a minute for a million."""
    tail = min(size, END_BYTES + MOST_COMMENT + LOCATOR_BYTES)
    file.seek(size - tail)
    end = file.read(tail)
    place = end.rfind(END_RECORD)
    if place < 0:
        raise ValueError("no end of a zip")
    count, directory_bytes = struct.unpack("<HI", end[place + 10 : place + 16])
    locator = end[place - LOCATOR_BYTES : place] if place >= LOCATOR_BYTES else b""
    if locator.startswith(LOCATOR):
        file.seek(struct.unpack("<Q", locator[8:16])[0])
        record = file.read(56)
        if not record.startswith(END_RECORD_64):
            raise ValueError("no end of a zip")
        count, directory_bytes = struct.unpack("<QQ", record[32:48])
    if count > MOST_MEMBERS or directory_bytes > MOST_MEMBERS * 200:
        raise TooMany


def _refuse_packed(members: Any) -> None:
    for info in cast("list[zipfile.ZipInfo]", members):
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 or info.file_size != info.compress_size:
            raise Compressed


def _refuse_big_endian(archive: zipfile.ZipFile, note: zipfile.ZipInfo | None) -> None:
    if note is not None:
        with archive.open(note) as stream:
            if stream.read(9) != b"little":
                raise ValueError("big-endian")


def _start(file: BinaryIO, member: zipfile.ZipInfo, needed: int) -> int:
    """The position of a member's first byte."""
    if member.file_size < needed:
        raise ValueError("a storage with too few numbers")
    file.seek(member.header_offset)
    header = file.read(LOCAL_BYTES)
    if not header.startswith(LOCAL_HEADER):
        raise ValueError("a member that is not there")
    return member.header_offset + LOCAL_BYTES + sum(struct.unpack("<HH", header[26:30]))


def read_legacy(file: BinaryIO, size: int) -> Layout:
    """The layout of an open file that torch.save wrote before 1.6. Raises ValueError and others for anything else."""
    found: dict[str, Storage] = {}

    def storage_of(persistent: tuple[Any, ...]) -> Storage | Global:
        if persistent[0] == "module" and isinstance(persistent[1], Global):
            return persistent[1]  # a class, with its source as a text
        if persistent[5:] not in ((), (None,)):
            raise ValueError("a view of a storage")
        key, storage = _storage(persistent)
        return found.setdefault(key, storage)

    file.seek(0)
    magic, protocol, system = (unpickle(file, storage_of) for _ in range(3))
    if magic != LEGACY_MAGIC or protocol != LEGACY_PROTOCOL or system.get("little_endian") is not True:
        raise ValueError("not of torch")
    content = unpickle(file, storage_of)
    keys = unpickle(file, storage_of)
    place = file.tell()
    for key in keys:
        storage = found[key]
        file.seek(place)
        (elements,) = struct.unpack("<q", file.read(8))
        if elements != storage.elements or storage.start is not None:
            raise ValueError("a storage of another size")
        storage.start = place + 8
        place = storage.start + storage.bytes
    layout = _layout(content, size)
    return replace(layout, metadata={**_texts(system.get(METADATA_KEY)), **layout.metadata})


def _storage(persistent: Any) -> tuple[str, Storage]:
    word, kind, key, _, elements = persistent[:5]
    if word != "storage" or not isinstance(kind, Global) or type(key) is not str or type(elements) is not int:
        raise ValueError("no storage")
    if elements < 0:
        raise ValueError("no storage")
    dtype = "U8" if kind.name in UNTYPED else STORAGES[kind.name.removeprefix("torch ")]
    return key, Storage(dtype, elements)


def _layout(content: Any, size: int) -> Layout:
    if not isinstance(content, dict):
        return Layout({}, {}, {}, size)
    if is_deep(content):
        raise ValueError("nested too deep")
    table = cast("dict[Any, Any]", content)
    inner: Any = table.get("state_dict", table)
    tensors = _of_type(inner, StoredTensor)
    refuse_lies(_all_tensors(table), size)
    return Layout({str(name): tensor for name, tensor in tensors.items()}, _texts(table.get(METADATA_KEY)), table, size)


def _all_tensors(content: Any) -> list[StoredTensor]:
    """Each once, however often it is named."""
    found: dict[int, StoredTensor] = {}
    seen: set[int] = set()
    left = [content]
    while left:
        value = left.pop()
        if isinstance(value, StoredTensor):
            found[id(value)] = value
        elif isinstance(value, (dict, list, tuple)) and id(cast("object", value)) not in seen:
            seen.add(id(cast("object", value)))
            left += cast("dict[Any, Any]", value).values() if isinstance(value, dict) else cast("list[Any]", value)
    return list(found.values())


def _of_type(value: Any, kind: type) -> Mapping[Any, Any]:
    table = cast("dict[Any, Any]", value) if isinstance(value, dict) else {}
    return {name: inner for name, inner in table.items() if isinstance(inner, kind)}


def _texts(value: Any) -> dict[str, str]:
    return {name: text for name, text in _of_type(value, str).items() if isinstance(name, str)}
