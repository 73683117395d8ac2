"""Captions inside image files: PNG texts, EXIF and other comments, and the prompts that the WebUI notes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from .caption_text import MOST_BYTES
from .images import opened

_PNG_TEXTS = ("parameters", "Description", "Comment", "comment", "Title")
_EXIF_POINTER, _USER_COMMENT, _XP_COMMENT, _DESCRIPTION = 0x8769, 0x9286, 0x9C9C, 0x010E
# The WebUI's notes: the prompt, then a line "Negative prompt: ..." and one of settings, "Steps: 20, Sampler: ...".
_AFTER_PROMPT = re.compile(r"^(?:Negative prompt:|Steps: \d+, )", re.MULTILINE)


def comment_in(image: Path) -> str:
    """The comment in an image file, or the prompt that it was generated with; "" if there is none."""
    try:
        facts = image.stat()
    except OSError:
        return ""
    return _remembered(image.absolute(), facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=50_000)
def _remembered(image: Path, size: int, mtime: int) -> str:  # pyright: ignore[reportUnusedParameter]
    try:
        with opened(image) as found:
            texts = [text for text in _texts(found) if text and len(text) <= MOST_BYTES]
    except Exception:  # what is wrong with an image is told where it is used as one
        return ""
    return next(iter(texts), "")


def _texts(image: Any) -> Iterator[str]:
    info = image.text if image.format == "PNG" else image.info  # a PNG's texts may stand behind its pixels
    exif = image.getexif()
    for name in _PNG_TEXTS:
        yield _prompt(_as_text(info.get(name)))
    yield _prompt(_user_comment(exif.get_ifd(_EXIF_POINTER).get(_USER_COMMENT)))
    yield _as_text(exif.get(_DESCRIPTION))
    yield _windows_comment(exif.get(_XP_COMMENT))


def _prompt(text: str) -> str:
    """The prompt of what the WebUI notes in an image; another text as it is."""
    return _AFTER_PROMPT.split(text, maxsplit=1)[0].strip()


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return value.strip("\0 \r\n\t") if isinstance(value, str) else ""


def _user_comment(value: Any) -> str:
    """An EXIF user comment: 8 bytes that say the encoding, then the text."""
    if not isinstance(value, bytes):
        return _as_text(value)
    kind, text = value[:8], value[8:]
    if kind.startswith(b"UNICODE"):
        zeros = [text[start::2].count(0) for start in (0, 1)]
        return _as_text(text.decode("utf-16-be" if zeros[0] >= zeros[1] else "utf-16-le", errors="replace"))
    return _as_text(text if kind.startswith(b"ASCII") or not kind.strip(b"\0") else value)


def _windows_comment(value: Any) -> str:
    """A comment of Windows' Explorer, UTF-16."""
    content = bytes(cast("tuple[int, ...]", value)) if isinstance(value, (bytes, tuple)) else b""
    return _as_text(content.decode("utf-16-le", errors="replace"))
