"""A concept's pictures as the page shows them: thumbnails, captions, sizes; and pictures that are dropped on it."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

from PIL import Image

from ...data.captions import caption_file, caption_of, prompt_for
from ...data.images import find_pictures, open_picture, readable_formats
from ...errors import UserError
from ...runs.atomic import replacing

THUMBNAIL_SIDE = 160
ORIENTATION, QUARTER_TURNS = 0x0112, (5, 6, 7, 8)
"""The EXIF tag, and its values for a picture that lies on its side."""
SHOWN = 200
"""Pictures of a folder that are listed; the count tells of the rest."""


def describe_pictures(folder: str, prompt: str, resolution: int) -> dict[str, Any]:
    """Name, caption, prompt and size (pixels, upright) of each picture in `folder`; what is taught of each size.

    `sizes`, the most frequent first: `size`, `count`, and what `data.pictures.fit_picture` does with such a picture at
    that resolution: the share that is `cut` off beside the middle square, and the `scale` it is resized by.
    Opens no picture further than its header. Raises UserError when `folder` is not a folder.
    """
    paths = find_pictures(folder)
    shown = [_entry(path, Path(folder), prompt) for path in paths[:SHOWN]]
    sizes = Counter(entry["size"] for entry in shown if entry["size"])
    fitted = [{"size": size, "count": count, **_fitted(size, resolution)} for size, count in sizes.most_common()]
    return {"count": len(paths), "pictures": shown, "sizes": fitted}


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
    }


def _size(path: Path) -> tuple[int, int] | None:
    try:
        with Image.open(path, formats=readable_formats()) as image:
            width, height = image.size
            turned = image.format != "TIFF" and image.getexif().get(ORIENTATION) in QUARTER_TURNS
            return (height, width) if turned else (width, height)
    except Exception:  # decoders raise whatever their parser happened to meet
        return None


def _fitted(size: tuple[int, int], resolution: int) -> dict[str, float]:
    side = min(size)
    return {"cut": 1 - side / max(size), "scale": resolution / side}


def _refuse_unless_picture(name: str, content: bytes) -> None:
    try:
        with Image.open(io.BytesIO(content), formats=readable_formats()) as image:
            image.verify()
    except Exception as error:
        kinds = ", ".join(readable_formats())
        raise UserError(f"{name} is no picture that can be read here: give {kinds}, or .txt captions.") from error
