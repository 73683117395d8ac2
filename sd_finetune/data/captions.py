"""What a picture is called: its caption, and the prompt made from it."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import UserError

FILEWORDS = "[filewords]"

# As the WebUI's Train tab: "0012-a red car.png" is captioned "a red car".
_LEADING_NUMBERS = re.compile(r"^[-_\d]+\s*")


def caption_file(picture: Path) -> Path:
    """Where the caption of `picture` is looked for: the same name with the ending .txt."""
    return picture.with_suffix(".txt")


def caption_of(picture: Path) -> str:
    """The text of the `.txt` beside `picture`; without one, the file's name less leading digits, `-` and `_`.

    One line, single spaces. May be empty. Raises UserError when the text is not Unicode.
    """
    file = caption_file(picture)
    text = _read_text(file) if file.is_file() else _LEADING_NUMBERS.sub("", picture.stem)
    return " ".join(text.split())


def prompt_for(template: str, picture: Path) -> str:
    """`template` with each `[filewords]` replaced by the caption of `picture`.

    Without `[filewords]` the template is the prompt as it stands. An empty caption takes the comma before it along.
    """
    if FILEWORDS not in template:
        return template
    caption = caption_of(picture)
    return template.replace(FILEWORDS, caption) if caption else without_filewords(template)


def without_filewords(template: str) -> str:
    """`template` less each `[filewords]` and the comma before it."""
    without = re.sub(rf"\s*,?\s*{re.escape(FILEWORDS)}", "", template)
    return without.strip(" ,")


def _read_text(file: Path) -> str:
    data = file.read_bytes()
    # Windows tools write UTF-16, always with a mark; and some put a mark before UTF-8.
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not text in UTF-8; save the caption again as UTF-8.") from error
