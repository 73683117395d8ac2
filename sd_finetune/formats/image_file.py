"""Whether a file is an image, which may have an embedding in it (`image_embedding`); needs neither numpy nor Pillow."""

from __future__ import annotations

from pathlib import Path

from ..errors import UserError
from ..reading.door import open_regular

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def is_image(path: Path) -> bool:
    """Whether a file is a PNG, by its first bytes."""
    try:
        with open_regular(path) as file:
            return file.read(len(SIGNATURE)) == SIGNATURE
    except (UserError, OSError):  # what is wrong with it is told where it is read
        return False
