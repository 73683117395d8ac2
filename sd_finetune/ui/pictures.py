"""A concept's pictures as the page shows them: thumbnails, captions, sizes; and pictures that are dropped on it."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

from PIL import Image

from ..data.captions import caption_file, caption_of, prompt_for
from ..data.pictures import find_pictures, open_picture, readable_formats
from ..errors import UserError
from ..runs.atomic import replacing

THUMBNAIL_SIDE = 160
SHOWN = 200
"""Pictures of a folder that are listed; the count tells of the rest."""


def describe_pictures(folder: str, prompt: str) -> dict[str, Any]:
    """Name, caption, prompt and size (pixels) of each picture in `folder`, and what shapes there are.

    Opens no picture further than its header. Raises UserError when `folder` is not a folder.
    """
    paths = find_pictures(folder)
    shown = [_entry(path, Path(folder), prompt) for path in paths[:SHOWN]]
    shapes = Counter(entry["shape"] for entry in shown)
    return {"count": len(paths), "pictures": shown, "shapes": dict(shapes.most_common())}


def thumbnail(folder: str, name: str) -> bytes:
    """A small JPEG of the picture `name` in `folder`. Raises UserError if it is not one of the folder's pictures."""
    image = open_picture(picture_in(folder, name))
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()


def picture_in(folder: str, name: str) -> Path:
    """The picture, which must be one that `find_pictures` finds there, so that no name leads out of the folder."""
    for path in find_pictures(folder):
        if path.relative_to(folder).as_posix() == name:
            return path
    raise UserError(f"There is no picture {name} in {folder}: read the folder again.")


def write_caption(folder: str, name: str, text: str) -> None:
    """Keep the caption of a picture in the text file beside it; an empty one takes that file away."""
    file = caption_file(picture_in(folder, name))
    if not text.strip():
        file.unlink(missing_ok=True)
        return
    with replacing(file) as path:
        path.write_text(" ".join(text.split()) + "\n", encoding="utf-8")


def keep_upload(folder: Path, name: str, content: bytes) -> Path:
    """Write a picture (or a caption) that was dropped on the page into `folder`; it is never written over another.

    Raises:
        UserError: it is neither a picture that can be read nor a text.
    """
    plain = re.sub(r"[^\w .()-]+", "_", Path(name.replace("\\", "/")).name).strip(". ") or "picture"
    if Path(plain).suffix.lower() != ".txt":
        _refuse_unless_picture(name, content)
    path = folder / plain
    number = 1
    while path.exists():
        number += 1
        path = folder / f"{Path(plain).stem}-{number}{Path(plain).suffix}"
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)
    return path


def _entry(path: Path, folder: Path, prompt: str) -> dict[str, Any]:
    size = _size(path)
    try:
        caption, shown = caption_of(path), prompt_for(prompt, path)
    except UserError as error:
        caption, shown = "", str(error)
    return {
        "name": path.relative_to(folder).as_posix(),
        "caption": caption if caption_file(path).is_file() else "",
        "prompt": shown,
        "size": size,
        "shape": _shape(*size) if size else "unreadable",
    }


def _size(path: Path) -> tuple[int, int] | None:
    try:
        with Image.open(path, formats=readable_formats()) as image:
            return image.size
    except Exception:  # decoders raise whatever their parser happened to meet
        return None


def _shape(width: int, height: int) -> str:
    return "square" if width == height else "wide" if width > height else "tall"


def _refuse_unless_picture(name: str, content: bytes) -> None:
    try:
        with Image.open(io.BytesIO(content), formats=readable_formats()) as image:
            image.verify()
    except Exception as error:
        kinds = ", ".join(readable_formats())
        raise UserError(f"{name} is no picture that can be read here: give {kinds}, or .txt captions.") from error
