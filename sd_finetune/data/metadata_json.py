"""The metadata file of kohya's scripts: one JSON object with caption and tags of each image, `{"1": {"caption": ""}}`.

Their `finetune` tools make it (`--in_json`, `metadata_file` of a dataset config); it may be anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, cast

from ..errors import UserError
from ..reading.door import parse_json, read_text, reader
from .metadata_lines import MOST_BYTES, caption_by, or_fault, or_raised, read_metadata_lines, text_of, with_moved

LINES = ".jsonl"
"""The ending of a file with an object a line."""


def caption_in_metadata_file(image: Path, file: Path, folder: Path) -> str | None:
    """What the metadata file says of an image; None where it has no such one.

    Images are named by path, relative ones from `folder` on, with or without ending, as kohya's scripts do.

    Raises:
        UserError: the file is missing, or not of this form.
    """
    captions = metadata_of(file)
    path = image.absolute()
    inside = PurePosixPath(path.relative_to(folder.absolute()).as_posix()) if path.is_relative_to(folder) else None
    paths = [*([inside] if inside else []), PurePosixPath(path.as_posix())]
    names = [name for each in paths for name in (each.as_posix(), each.with_suffix("").as_posix())]
    moved = [f"*/{path.name}", f"*/{path.stem}"]
    return caption_by([*names, *moved], captions)


def metadata_of(file: Path) -> Mapping[str, str]:
    """The captions of a metadata file by the names in it, read anew where it has changed. Raises UserError."""
    try:
        facts = file.stat()
    except (OSError, ValueError):
        return read_metadata_json(file)  # tells what is wrong
    return or_raised(_remembered(file.absolute(), facts.st_size, facts.st_mtime_ns))


@lru_cache(maxsize=16)
def _remembered(file: Path, size: int, mtime: int) -> Mapping[str, str] | str:  # pyright: ignore[reportUnusedParameter]
    """The captions of a file in one of its states, or what is wrong with it."""
    return or_fault(read_metadata_lines if file.suffix.lower() == LINES else read_metadata_json, file)


@reader
def read_metadata_json(path: Path) -> Mapping[str, str]:
    """Image to caption, as `read_metadata_lines` names them."""
    try:
        content = parse_json(read_text(path, MOST_BYTES))
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({str(error)[:200]}): correct the file.") from error
    table = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
    found = {name: text for name, entry in table.items() if (text := _caption(entry)) is not None}
    if not found:
        form = '{"1.png": {"caption": "a dog", "tags": "outdoors"}}'
        raise UserError(f"{path} names no image with its caption: it needs one JSON object like {form}.")
    return with_moved(found.items())


def is_metadata(content: Mapping[str, Any]) -> bool:
    """Whether a JSON object is of this form: the first entry is a table with a caption or tags."""
    entries = list(content.values())
    return bool(entries) and all(isinstance(entry, dict) and _caption(entry) is not None for entry in entries[:1])


def _caption(entry: Any) -> str | None:
    if isinstance(entry, str):
        return entry
    return text_of(cast("dict[str, Any]", entry)) if isinstance(entry, dict) else None
