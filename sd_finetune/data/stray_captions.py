"""Caption files that no image has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..counted import counted
from .skipped import Skipped

ENDINGS = (".txt", ".caption")
"""Of caption files; kohya's scripts call theirs .caption by default."""


def may_be_caption(path: Path) -> bool:
    """Whether a file has the ending of a caption, in whatever case."""
    return path.suffix.lower() in ENDINGS


def stray_captions(texts: Sequence[Path], images: Sequence[Path]) -> Iterator[Skipped]:
    """What is said of caption files with the name of no image beside them, and of those whose ending is not read.

    Of each kind the first is named. One text among images that have no captions at all is somebody's note, and where
    every image has a caption nothing is missing.
    """
    names = {(image.parent, name) for image in images for name in (image.stem, image.name)}
    captioned = {(text.parent, text.stem) for text in texts}
    waiting = any(captioned.isdisjoint({(i.parent, i.stem), (i.parent, i.name)}) for i in images)
    stray = sorted(text for text in texts if (text.parent, text.stem) not in names)
    upper = sorted(text for text in texts if (text.parent, text.stem) in names and _is_not_read(text))
    if stray and waiting and (len(stray) > 1 or len(stray) < len(texts)):
        problem = f"is not a caption, as there is no image {stray[0].stem} beside it{_others(stray)}"
        yield Skipped(stray[0], f"{problem}: give it the name of its image if it is to be one")
    if upper:
        problem = f"is not a caption, as its ending is not {upper[0].suffix.lower()}{_others(upper)}"
        yield Skipped(upper[0], f"{problem}: write the ending in small letters")


def _others(files: Sequence[Path]) -> str:
    return f", like {counted(len(files) - 1, 'other')}" if len(files) > 1 else ""


def _is_not_read(text: Path) -> bool:
    """Where the file system tells upper and lower case apart."""
    return text.suffix not in ENDINGS and not text.with_suffix(text.suffix.lower()).is_file()
