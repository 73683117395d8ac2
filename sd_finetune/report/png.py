"""PNG files without the texts that programs write into them."""

from __future__ import annotations

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SHOWN = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"gAMA", b"sRGB", b"pHYs"})
"""Parts that hold what is seen; prompts and cameras' facts stand in others (tEXt, iTXt, zTXt, eXIf)."""


def without_texts(image: bytes) -> bytes:
    """The same image with nothing else in the file.

    Raises:
        ValueError: it is not a whole PNG file.
    """
    if not image.startswith(SIGNATURE):
        raise ValueError("no PNG file")
    parts, at = [SIGNATURE], len(SIGNATURE)
    while at < len(image):
        end = at + 12 + int.from_bytes(image[at : at + 4], "big")  # length, kind, content, checksum
        if end > len(image):
            raise ValueError("a PNG file that is cut off")
        if image[at + 4 : at + 8] in SHOWN:
            parts.append(image[at:end])
        at = end
    return b"".join(parts)
