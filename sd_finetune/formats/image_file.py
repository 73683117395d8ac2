"""Whether a file is an image, which may have an embedding in it (`image_embedding`); needs neither numpy nor Pillow.

image_kind(path) -> "PNG", "WEBP", "AVIF" or "JXL" by its content, or ""
may_have_embedding(path) -> bool, by its name
"""

from __future__ import annotations

from pathlib import Path

from ..errors import UserError
from ..reading.door import open_regular

ENDINGS = (".png", ".webp", ".jxl", ".avif")
"""Of images in which the WebUI looks for embeddings."""
PREVIEW = ".preview"
"""Ends the rest of the name of an image in which it does not."""
START_BYTES = 12


def may_have_embedding(path: Path) -> bool:
    """Whether the WebUI looks for an embedding in an image of that name."""
    return path.suffix.lower() in ENDINGS and Path(path.stem).suffix.lower() != PREVIEW


def image_kind(path: Path) -> str:
    """What kind of image the file is, by its first bytes; empty for what is none of these, or cannot be read."""
    try:
        with open_regular(path) as file:
            start = file.read(START_BYTES)
    except (UserError, OSError):  # what is wrong with it is told where it is read
        return ""
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if start.startswith(b"RIFF") and start[8:] == b"WEBP":
        return "WEBP"
    if start[4:8] == b"ftyp" and start[8:] in (b"avif", b"avis"):
        return "AVIF"
    is_safetensors = start[8:9] == b"{"  # whose length, before it, may be any bytes
    is_jxl = start.startswith(b"\xff\x0a") or start == b"\0\0\0\x0cJXL \r\n\x87\n"
    return "JXL" if is_jxl and not is_safetensors else ""


def is_image(path: Path) -> bool:
    """Whether a file is one of these images."""
    return bool(image_kind(path))
