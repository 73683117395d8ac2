"""Small images for the page, each made once as long as its file stays the same."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

from ...data.images import open_image
from ...data.skipped import Use
from ...errors import UserError
from .images import image_in

SIDE = 160
"""Pixels of the longer side."""
REMEMBERED = 8_000
"""Thumbnails, of about 6 KB each."""


def thumbnail(folder: str, name: str, use: Use = "training") -> bytes:
    """A small JPEG of the image `name` in `folder`. Raises UserError if it is not one of the folder's images."""
    path = image_in(folder, name, use)
    try:
        facts = path.stat()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): reload the page.") from error
    return _remembered(path.absolute(), facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=REMEMBERED)
def _remembered(path: Path, size: int, mtime: int) -> bytes:  # pyright: ignore[reportUnusedParameter]
    """The thumbnail of a file in one of its states."""
    image = open_image(path, least_side=SIDE)
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()
