"""metadata.jsonl: the captions of many images in one file, a JSON object a line.

In a folder of diffusers' scripts (`file_name` and `text`) and of kohya's (`image_path`, `caption`, `tags`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, cast

from ..errors import UserError
from ..reading.door import parse_json, read_text, reader
from .caption_text import lines_in

NAME = "metadata.jsonl"
MOST_BYTES = 64 * 2**20
NAMES_OF_IMAGE = ("file_name", "image_path", "image", "file")
NAMES_OF_TEXT = ("text", "caption", "prompt")
MOST_SHOWN = 60
"""Letters of a caption in a sentence."""
TAGS = "tags"
"""kohya's tagger writes them beside the caption, to which they are added."""


def caption_in_metadata(image: Path, folder: Path) -> str | None:
    """What the `metadata.jsonl` in `folder` says of an image below it; None without such a file or line.

    Several captions of an image are lines of the text. Raises UserError for a file that is not of this form.
    """
    file = folder / NAME
    try:
        facts = file.stat()
    except OSError:
        return None
    captions = or_raised(_remembered(file.absolute(), facts.st_size, facts.st_mtime_ns))
    names = (image.relative_to(folder).as_posix(), image.absolute().as_posix(), f"*/{image.name}")
    return caption_by(names, captions)


def caption_by(names: Iterable[str], captions: Mapping[str, str]) -> str | None:
    """The caption by the first of the names that is there. captions: as `with_moved` gives them."""
    return next((captions[name] for name in map(_composed, names) if name in captions), None)


def _composed(name: str) -> str:
    """A Mac writes an accent as a character of its own, other systems and tools with its letter as one."""
    return unicodedata.normalize("NFC", name)


@lru_cache(maxsize=16)
def _remembered(file: Path, size: int, mtime: int) -> Mapping[str, str] | str:  # pyright: ignore[reportUnusedParameter]
    """The captions of a file in one of its states, or what is wrong with it."""
    return or_fault(read_metadata_lines, file)


def or_fault(read: Callable[[Path], Mapping[str, str]], file: Path) -> Mapping[str, str] | str:
    """What is read of a file, or why it cannot be: so that a broken one is not read again for each of 10,000 images."""
    try:
        return read(file)
    except UserError as error:
        return str(error)


def or_raised(found: Mapping[str, str] | str) -> Mapping[str, str]:
    """The captions. Raises UserError where `or_fault` gave a fault."""
    if isinstance(found, str):
        raise UserError(found)
    return found


@reader
def read_metadata_lines(path: Path) -> Mapping[str, str]:
    """Image to caption, by the names in the file as `with_moved` writes them."""
    lines = list(_lines(read_text(path, MOST_BYTES), path))
    _refuse_contradictions(path, lines)
    captions = with_moved(lines)
    if not captions:
        raise UserError(
            f'{path} names no image with its caption: write lines like {{"file_name": "1.png", "text": ""}}.'
        )
    return captions


def _refuse_contradictions(path: Path, lines: Iterable[tuple[str, str]]) -> None:
    """Raise UserError for an image that two lines have different captions for."""
    captions: dict[str, str] = {}
    for image, text in lines:
        if captions.setdefault(image, text) != text:
            raise UserError(
                f'{path} has two captions for {image}, "{captions[image][:MOST_SHOWN]}" and "{text[:MOST_SHOWN]}": '
                'remove one of the lines, or write a list of both, "text": ["...", "..."].'
            )


def with_moved(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Image to caption, by names with "/" as separator and accents composed.

    An image with an absolute path, which changes when its folder is moved, is also there as "*/NAME" if no other has
    that name.
    """
    captions: dict[str, str] = {}
    moved: dict[str, list[str]] = {}
    for image, text in named:
        name = PurePosixPath(_composed(image).replace("\\", "/"))
        captions[name.as_posix()] = text
        if name.is_absolute() or image[1:2] == ":":
            moved.setdefault(name.name, []).append(text)
    return captions | {f"*/{name}": texts[0] for name, texts in moved.items() if len(texts) == 1}


def _lines(content: str, path: Path) -> Iterator[tuple[str, str]]:
    """Image and caption of each line that has both."""
    for number, line in enumerate(lines_in(content), start=1):
        if not line.strip():
            continue
        try:
            entry = parse_json(line)
        except ValueError as error:
            raise UserError(f"{path}, line {number}, is not valid JSON: write one object a line.") from error
        if isinstance(entry, dict):
            table = cast("dict[str, Any]", entry)
            image, text = _first(table, NAMES_OF_IMAGE), text_of(table)
            if image and text is not None:
                yield image, text


def _first(table: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((table[name] for name in names if isinstance(table.get(name), str)), "")


def text_of(table: Mapping[str, Any]) -> str | None:
    """The caption of an image's entry with its tags, None without either; several captions are lines of it."""
    lines = _texts(next((table[name] for name in NAMES_OF_TEXT if name in table), None))
    tags = _texts(table.get(TAGS))
    pieces = ["\n".join(lines), ", ".join(tags)]
    return ", ".join(filter(None, pieces)) if lines or tags else None


def _texts(value: Any) -> list[str]:
    """A text or a list of them; nothing of another kind counts."""
    return [
        each for each in (cast("list[Any]", value) if isinstance(value, list) else [value]) if isinstance(each, str)
    ]
