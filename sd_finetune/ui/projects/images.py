"""A concept's images as the page shows them: thumbnails, captions, sizes; and images that are dropped on it."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

from PIL import Image

from ...data.captions import caption_file, caption_of, prompt_for
from ...data.images import ORIENTATION_TAG, find_images, open_image, readable_formats
from ...errors import UserError
from ...runs.atomic import replacing

THUMBNAIL_SIDE = 160
QUARTER_TURNS = (5, 6, 7, 8)
"""Values of ORIENTATION_TAG for an image that lies on its side."""
SHOWN = 200
"""Images of a folder that are listed; the count tells of the rest."""


def describe_images(folder: str, prompt: str, resolution: int) -> dict[str, Any]:
    """The images in `folder`: `count`, `images` (name, caption, prompt, size in pixels, upright) and `sizes`.

    `sizes`, the most frequent first: `size`, `count`, and what `data.images.fit_image` does with such an image at
    that resolution: the share that is `cut` off beside the middle square, and the `scale` it is resized by.
    Opens no image further than its header. Raises UserError when `folder` is not a folder.
    """
    paths = find_images(folder)
    shown = [_entry(path, Path(folder), prompt) for path in paths[:SHOWN]]
    sizes = Counter(entry["size"] for entry in shown if entry["size"])
    fitted = [{"size": size, "count": count, **_fitted(size, resolution)} for size, count in sizes.most_common()]
    return {"count": len(paths), "images": shown, "sizes": fitted}


def thumbnail(folder: str, name: str) -> bytes:
    """A small JPEG of the image `name` in `folder`. Raises UserError if it is not one of the folder's images."""
    image = open_image(image_in(folder, name))
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()


def image_in(folder: str, name: str) -> Path:
    """The image, which must be one that `find_images` finds there, so that no name leads out of the folder."""
    for path in find_images(folder):
        if path.relative_to(folder).as_posix() == name:
            return path
    raise UserError(f"Image {name} not found in {folder}: reload the page.")


def write_caption(folder: str, name: str, text: str) -> None:
    """Keep the caption of an image in the text file beside it; an empty one removes that file."""
    file = caption_file(image_in(folder, name))
    if not text.strip():
        file.unlink(missing_ok=True)
        return
    with replacing(file) as path:
        path.write_text(" ".join(text.split()) + "\n", encoding="utf-8")


def keep_upload(folder: Path, name: str, content: bytes) -> Path:
    """Write an image (or a caption) that was dropped on the page into `folder`, without overwriting another.

    Raises:
        UserError: it is neither a readable image nor a text.
    """
    plain = re.sub(r"[^\w .()-]+", "_", Path(name.replace("\\", "/")).name).strip(". ") or "image"
    if Path(plain).suffix.lower() != ".txt":
        _refuse_unless_image(name, content)
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
            turned = image.format != "TIFF" and image.getexif().get(ORIENTATION_TAG) in QUARTER_TURNS
            return (height, width) if turned else (width, height)
    except Exception:  # decoders raise whatever their parser happened to meet
        return None


def _fitted(size: tuple[int, int], resolution: int) -> dict[str, float]:
    side = min(size)
    return {"cut": 1 - side / max(size), "scale": resolution / side}


def _refuse_unless_image(name: str, content: bytes) -> None:
    try:
        with Image.open(io.BytesIO(content), formats=readable_formats()) as image:
            image.verify()
    except Exception as error:
        kinds = ", ".join(readable_formats())
        raise UserError(f"{name} is not a readable image: use {kinds}, or .txt files with captions.") from error
