"""Text that can be written, sent and shown: file names of other systems are not always Unicode.

Python holds a byte of a name that it cannot decode as half a character (a lone surrogate), which no encoding takes.
"""

from __future__ import annotations

import json
import math
from typing import Any, cast


def readable(text: str) -> str:
    """The text with such bytes written out: "caf\\xe9.png". Other names stay as they are."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(_written_out(letter) if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    return text


def is_unicode(text: str) -> bool:
    """Whether every program takes the text as it is."""
    return readable(text) == text


def json_bytes(content: Any, indent: int | None = None) -> bytes:
    """JSON in UTF-8, and lone surrogates in it as \\uXXXX, from which `json.loads` makes them again."""
    return json.dumps(content, indent=indent, ensure_ascii=False).encode("utf-8", "backslashreplace")


def sendable(content: Any) -> Any:
    """The same for every reader of JSON: with `readable` texts, and text for numbers that are not finite."""
    if isinstance(content, str):
        return readable(content)
    if isinstance(content, float) and not math.isfinite(content):
        return str(content)
    if isinstance(content, dict):
        return {readable(str(key)): sendable(value) for key, value in cast("dict[Any, Any]", content).items()}
    if isinstance(content, (list, tuple)):
        return [sendable(entry) for entry in cast("list[Any]", content)]
    return content


def _written_out(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
