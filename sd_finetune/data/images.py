"""Pictures on disk: found, opened as plain RGB whatever they are stored as, and fitted to the training square."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..errors import UserError
from .rgb import to_rgb

# Nothing else is tried, whatever a file is called: Pillow would hand EPS to an outside program, for one.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
# Pictures to the person who put them there, but not to every Pillow.
FOREIGN_SUFFIXES = frozenset({".heic", ".heif", ".avif", ".jxl"})

_ORIENTATION_TAG = 0x0112
# How to undo each EXIF orientation; 1 is upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def readable_formats() -> list[str]:
    """Those of `FORMATS` that the installed Pillow can open."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def find_pictures(folder: str | Path) -> list[Path]:
    """Every file in `folder` and its sub-folders that is named like a readable picture, sorted by path.

    Hidden files and folders are left out (macOS puts a `._photo.jpg` beside each `photo.jpg`). Only names are looked
    at; `usable_pictures` opens them. Raises UserError when `folder` is not a folder.
    """
    formats = readable_formats()
    suffixes = {suffix for suffix, name in Image.registered_extensions().items() if name in formats}
    return [path for path in _visible_files(folder) if path.suffix.lower() in suffixes]


def usable_pictures(folder: str | Path) -> tuple[list[Path], list[str]]:
    """The pictures in `folder` that can be opened, and a warning naming each one that cannot.

    Raises UserError when `folder` is not a folder.
    """
    usable, warnings = [], []
    pictures = find_pictures(folder)
    for path in pictures:
        try:
            _read(path, roughly=True)
        except UserError as error:
            warnings.append(f"Skipped: {error}")
        else:
            usable.append(path)
    return usable, warnings + _foreign_warnings(folder, set(pictures))


def open_picture(path: str | Path) -> Image.Image:
    """The picture (of an animation, its first frame) as RGB, 8 bit, turned upright as its EXIF says.

    Transparent parts become white. Raises UserError when the file is missing, broken, of another format, or larger
    than Pillow's limit against decompression bombs.
    """
    return _read(Path(path), roughly=False)


def fit_picture(image: Image.Image, resolution: int) -> NDArray[np.uint8]:
    """`image` scaled so that its shorter side is `resolution` pixels, and the middle square of that.

    Returns (resolution, resolution, 3), 0 … 255. Lanczos, in one pass: resampling only the square that is kept spares
    rounding the longer side to whole pixels, which would stretch the picture a little.
    """
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    square = image.convert("RGB").resize(
        (resolution, resolution), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side)
    )
    return np.array(square)


def _read(path: Path, *, roughly: bool) -> Image.Image:
    """roughly: a JPEG at an eighth of its size, four times as fast, for a look at whether it can be read to its end."""
    try:
        with Image.open(path, formats=readable_formats()) as image:
            if roughly:
                image.draft("RGB", (1, 1))
            image.load()
            return _upright(to_rgb(image), _orientation(image))
    except Exception as error:  # on bad bytes Pillow's decoders raise whatever their parser happened to meet
        raise UserError(
            f"{path} cannot be read as a picture ({_reason(path, error)}); replace it, or save it again as PNG or JPEG."
        ) from error


def _visible_files(folder: str | Path) -> list[Path]:
    root = Path(folder)
    if not root.is_dir():
        raise UserError(f"{folder} is not a folder; name an existing folder that holds the pictures.")
    relative = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    visible = (path for path in relative if not any(part.startswith(".") for part in path.parts))
    return [root / path for path in sorted(visible, key=Path.as_posix)]


def _foreign_warnings(folder: str | Path, pictures: set[Path]) -> list[str]:
    foreign = [path for path in _visible_files(folder) if path.suffix.lower() in FOREIGN_SUFFIXES]
    return [
        f"Skipped: {path} is of a format that cannot be read here; save it as PNG or JPEG."
        for path in foreign
        if path not in pictures
    ]


def _orientation(image: Image.Image) -> int:
    # Pillow turns TIFFs itself while loading, and older versions leave the tag in place: never turn those twice.
    if image.format == "TIFF":
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # a picture with broken EXIF is still a picture
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return f"it has more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels, the most that are opened"
    if isinstance(error, UnidentifiedImageError):
        if path.stat().st_size == 0:
            return "the file is empty"
        return f"its content is none of {', '.join(readable_formats())}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
