"""The one writer of captions, for edits in the tab and for what captions images by itself."""

from __future__ import annotations

from pathlib import Path

from ..runs.atomic import replacing
from .caption_text import refuse_no_caption
from .captions import Caption, CaptionReader, caption_file
from .skipped import readable_suffixes


def own_text(caption: Caption) -> str:
    """The text of a caption as editors show it, `tidied`; "" where the image has none of its own."""
    return tidied(caption.text) if caption.source else ""


def write_caption(image: Path, text: str, captions: CaptionReader, was: str | None = None) -> str | None:
    """Make `text` the caption of `image`, "" for none. To be called by one at a time.

    It goes into the caption file that counts, or else into a new .txt beside the image, in UTF-8. What stands in a
    `metadata.jsonl` or in the image itself is never changed: the file wins, and is left empty where there shall be no
    caption. A file that several images share (1.txt of 1.png and 1.jpg) is left to the others.

    was: the caption that is replaced; None replaces whatever stands there. Returns the caption that stands there
    because somebody else has written it meanwhile, and then changes nothing; else None.

    Raises:
        UserError: `text` is not a caption, `was` is given and the present caption cannot be read.
        CannotWriteError: the file cannot be written.
    """
    refuse_no_caption(text, image.name)
    text = tidied(text)
    if was is not None:
        present = own_text(captions.of(image))
        if present == text:
            return None
        if present != tidied(was):
            return present
    file = _own_file(image)
    if not text:
        file.unlink(missing_ok=True)
        if captions.source_of(image) is None:
            return None
    with replacing(file) as path:
        path.write_text(f"{text}\n" if text else "", encoding="utf-8", newline="\n")
    return None


def tidied(text: str) -> str:
    """The text without empty lines, and with single spaces in the others."""
    return "\n".join(filter(None, (" ".join(line.split()) for line in text.splitlines())))


def _own_file(image: Path) -> Path:
    """The caption file to write, which no other image has too."""
    file = caption_file(image)
    shared = not file.name.startswith(image.name) and any(
        image.with_suffix(ending).is_file()
        for suffix in readable_suffixes() - {image.suffix.lower()}
        for ending in (suffix, suffix.upper())
    )
    return image.with_name(f"{image.name}.txt") if shared else file
