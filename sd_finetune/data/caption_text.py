"""The text of a caption file, whatever encoding it was saved in."""

from __future__ import annotations

import codecs
import locale
import re
from dataclasses import dataclass

from ..errors import UserError
from ..readable import is_unicode

MOST_BYTES = 64 * 1024
"""Of a caption: thousands of words, where a prompt has 75."""
WESTERN = "cp1252"
"""What Windows editors of Western Europe and America call ANSI."""

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f]")


@dataclass(frozen=True)
class DecodedText:
    """guessed: the encoding that the text was read as, where it is none of Unicode's; else ""."""

    text: str
    guessed: str = ""


def decoded_text(data: bytes, name: object) -> DecodedText:
    """The text of the caption file called `name`: of Unicode's encodings, else the system's, else cp1252.

    Raises:
        UserError: it is too long, or no text.
    """
    if len(data) > MOST_BYTES:
        raise _too_long(name)
    mark = next((encoding for start, encoding in _MARKS if data.startswith(start)), None)
    for encoding in [mark] if mark else ["utf-8", *_utf16_without_mark(data)]:
        text = _decoded(data, encoding)
        if text is not None:
            return DecodedText(text)
    for encoding in [] if mark else [locale.getpreferredencoding(False), WESTERN]:
        text = _decoded(data, encoding)
        if text is not None:
            return DecodedText(text, guessed=encoding)
    raise UserError(f"{name} is not text: save the caption as UTF-8.")


def refuse_no_caption(text: str, name: object) -> None:
    """Raise UserError for a text that cannot be kept as the caption of the image called `name`."""
    if not is_unicode(text) or _NO_TEXT.search(text):
        raise UserError(f"The caption of {name} has characters that are not Unicode text: remove them.")
    if len(text.encode()) > MOST_BYTES:
        raise _too_long(f"The caption of {name}")


def lines_in(text: str) -> list[str]:
    """The lines that an editor shows; `str.splitlines` also parts texts from the web at U+2028, U+0085 and the like."""
    return re.split(r"\r\n|\r|\n", text)


def _too_long(name: object) -> UserError:
    return UserError(f"{name} has more than {MOST_BYTES // 1024} KiB, too many for a caption: shorten it.")


def _utf16_without_mark(data: bytes) -> list[str]:
    """Of ordinary text every second byte is 0, and UTF-8 has none."""
    zeros = [data[start::2].count(0) for start in (0, 1)]
    if len(data) < 4 or max(zeros) * 4 < len(data):
        return []
    return ["utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"]


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        text = data.decode(encoding)
    except (UnicodeError, LookupError):
        return None
    return None if _NO_TEXT.search(text) else text
