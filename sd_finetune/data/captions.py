"""Captions of images, and the prompts made from them."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import UserError

FILEWORDS = "[filewords]"

# As the WebUI's Train tab: "0012-a red car.png" is captioned "a red car".
_LEADING_NUMBERS = re.compile(r"^[-_\d]+\s*")


def caption_file(image: Path) -> Path:
    """The caption file of `image`, whether it exists or not: the same name with the ending .txt."""
    return image.with_suffix(".txt")


def caption_of(image: Path) -> str:
    """The text of the `.txt` beside `image`; without one, the file's name less leading digits, `-` and `_`.

    One line, single spaces. May be empty. Raises UserError when the text is not Unicode.
    """
    file = caption_file(image)
    text = _read_text(file) if file.is_file() else _LEADING_NUMBERS.sub("", image.stem)
    return " ".join(text.split())


def prompt_for(template: str, image: Path) -> str:
    """`template` with each `[filewords]` replaced by the caption of `image`.

    Without `[filewords]` the template is the prompt. If the caption is empty, the comma before `[filewords]` goes too.
    """
    if FILEWORDS not in template:
        return template
    caption = caption_of(image)
    return template.replace(FILEWORDS, caption) if caption else without_filewords(template)


def without_filewords(template: str) -> str:
    """`template` without `[filewords]` and the comma before it."""
    without = re.sub(rf"\s*,?\s*{re.escape(FILEWORDS)}", "", template)
    return without.strip(" ,")


def decoded_caption(data: bytes) -> str:
    """The text of a caption file. Raises UnicodeDecodeError if it is not Unicode."""
    # Windows tools write UTF-16, always with a byte order mark, and some put one before UTF-8.
    return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")


def _read_text(file: Path) -> str:
    try:
        return decoded_caption(file.read_bytes())
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not UTF-8 text: save the caption as UTF-8.") from error
