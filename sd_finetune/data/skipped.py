"""Why a file or folder among training images is left out. Opens no image, and nothing that is not a plain file."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from PIL import Image

from ..readable import is_unicode, readable
from ..runs.own_files import CLASS_IMAGES, PROJECT_FILE, is_card_image, made_above, made_in
from .images import format_by_ending, readable_formats
from .mask_names import is_mask

Use = Literal["training", "class"]
"""What a folder's images are for: class images may be generated ones."""

_OTHER_IMAGES = frozenset({
    ".heic", ".heif", ".avif", ".jxl", ".svg", ".svgz", ".ai", ".xcf", ".kra", ".mpo",
    ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".dng", ".raw", ".exr",
})  # fmt: skip
"""Not of Pillow, or not of every version of it; the endings of Pillow's other formats are added."""
_VIDEOS = frozenset([".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".wmv", ".flv", ".mpg", ".mpeg", ".3gp"])
_NOT_UNICODE = "has a name that is not UTF-8, perhaps from another system: rename it"

_HEADER_BYTES = 16
_STARTS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*")
_AFTER_START = {8: (b"WEBP",), 4: (b"ftypavif", b"ftypheic", b"ftypmif1")}
"""By their place in a file."""


@dataclass(frozen=True, order=True)
class Skipped:
    """A file or folder that is left out, and why, as the rest of a sentence about it."""

    path: Path
    why: str

    def __str__(self) -> str:
        return readable(f"Skipped: {self.path} {self.why}.")


def why_not_folder(path: Path, use: Use) -> str:
    """Why a folder inside a folder of images is left out; "" if it is not."""
    if not is_unicode(path.name):
        return _NOT_UNICODE
    if path.is_symlink():
        return "is a link to a folder, and such links are not followed: give that folder a concept of its own"
    if (path / PROJECT_FILE).is_file():
        return "is a project, whose images are those of its own concepts"
    made = made_in(path)
    if not made or (use == "class" and made == CLASS_IMAGES):
        return ""
    return f"is {made}, and a run's own images are not trained"


def why_not_file(path: Path) -> str:
    """Why something that is not a folder cannot be an image, whatever its ending; "" if it can."""
    if not is_unicode(path.name):
        return _NOT_UNICODE
    linked = path.is_symlink()
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        if linked:
            return "is a link to nothing: put the image itself in its place"
        return f"cannot be read ({error.strerror if isinstance(error, OSError) else error})"
    if not stat.S_ISREG(mode):
        return f"is {_kind(mode)} and no file"
    real = path.resolve() if linked else path
    if is_card_image(real) or is_card_image(path):
        return "is the preview of a result: rename it to train it"
    if linked and (above := made_above(real.parent)):
        return f"is a link to an image in {above[0]}, and a run's own images are not trained"
    return ""


def why_other_ending(path: Path) -> str:
    """Why a plain file that is not an image by its name is left out; "" for masks, captions and the like."""
    if is_mask(path):
        return ""
    suffix = path.suffix.lower()
    if suffix in other_image_suffixes():
        return "has a format that is not supported: save it as PNG or JPEG"
    if suffix in _VIDEOS:
        return "is a video: save some of its frames as PNG or JPEG"
    if path.suffix and _begins_as_image(path):
        return "is an image by its content, but not by its ending: give it the ending of its format, such as .jpg"
    return ""


def is_image_by_name(path: Path) -> bool:
    """Whether a plain file has the ending of a readable image, or none and the beginning of one, and is not a mask."""
    if is_mask(path):
        return False
    return path.suffix.lower() in readable_suffixes() or (not path.suffix and _begins_as_image(path))


@cache
def readable_suffixes() -> frozenset[str]:
    """The endings of the formats that are read here."""
    formats = readable_formats()
    known = Image.registered_extensions()
    return frozenset(suffix for suffix, name in known.items() if name in formats or format_by_ending(suffix))


@cache
def other_image_suffixes() -> frozenset[str]:
    """The endings of other formats of images."""
    return (_OTHER_IMAGES | frozenset(Image.registered_extensions())) - readable_suffixes() - _VIDEOS


def _begins_as_image(path: Path) -> bool:
    try:
        if path.stat().st_size <= _HEADER_BYTES:  # so are the files of /proc, some of which would wait for ever
            return False
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError:
        return False
    later = any(header[place:].startswith(words) for place, words in _AFTER_START.items())
    return later or header.startswith(_STARTS)


def _kind(mode: int) -> str:
    names = {
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return names.get(stat.S_IFMT(mode), "something else")
