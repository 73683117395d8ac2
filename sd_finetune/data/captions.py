"""Captions of images, and the prompts made from them."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import UserError

FILEWORDS = "[filewords]"
MOST_BYTES = 64 * 1024
"""Of a caption file: thousands of words, where a prompt has 75."""

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


def decoded_caption(data: bytes, name: object) -> str:
    """The text of the caption file called `name`. Raises UserError if it is too long, or no Unicode text."""
    if len(data) > MOST_BYTES:
        raise UserError(f"{name} has more than {MOST_BYTES // 1024} KiB, too many for a caption: shorten it.")
    # Windows tools write UTF-16, always with a byte order mark, and some put one before UTF-8.
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _no_text(name) from error
    if "\0" in text:
        raise _no_text(name)
    return text


def _no_text(name: object) -> UserError:
    return UserError(f"{name} is not UTF-8 text: save the caption as UTF-8.")


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"The caption {file} cannot be read ({error.strerror}): fix or remove it.") from error
    return decoded_caption(data, file)
