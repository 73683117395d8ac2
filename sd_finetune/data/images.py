"""Image files: finds them, reads them as upright 8-bit RGB and crops them to the training square."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..errors import UserError
from .rgb import to_rgb

# No other format is tried, whatever the ending of a file: for EPS, Pillow would run an external program.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
# Endings of image formats that not every version of Pillow reads: such files are not skipped in silence.
UNSUPPORTED_SUFFIXES = frozenset({".heic", ".heif", ".avif", ".jxl"})

ORIENTATION_TAG = 0x0112
"""The EXIF tag."""
# How to undo each EXIF orientation; 1 is upright.
_TRANSPOSES = {
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


def find_images(folder: str | Path) -> list[Path]:
    """Every file in `folder` and its subfolders that has the ending of a readable image, sorted by path.

    Hidden files and folders are skipped (macOS puts a `._photo.jpg` beside each `photo.jpg`). The files are not opened;
    `usable_images` does that. Raises UserError when `folder` is not a folder.
    """
    suffixes = image_suffixes()
    return [path for path in _visible_files(folder) if path.suffix.lower() in suffixes]


def image_suffixes() -> set[str]:
    """The endings of readable images, in lower case, as ".png"."""
    formats = readable_formats()
    return {suffix for suffix, name in Image.registered_extensions().items() if name in formats}


def usable_images(folder: str | Path) -> tuple[list[Path], list[str]]:
    """The images in `folder` that can be opened, and a warning for each one that cannot.

    Raises UserError when `folder` is not a folder.
    """
    usable: list[Path] = []
    warnings: list[str] = []
    images = find_images(folder)
    for path in images:
        try:
            _read(path, quick=True)
        except UserError as error:
            warnings.append(f"Skipped: {error}")
        else:
            usable.append(path)
    return usable, warnings + _unsupported_warnings(folder, set(images))


def open_image(path: str | Path) -> Image.Image:
    """The image (of an animation, its first frame) as RGB, 8 bit, rotated upright by its EXIF.

    Transparent parts become white. Raises UserError when the file is missing, damaged, of another format, or larger
    than Pillow's limit against decompression bombs.
    """
    return _read(Path(path), quick=False)


def fit_image(image: Image.Image, resolution: int) -> NDArray[np.uint8]:
    """`image` scaled so that its shorter side is `resolution` pixels, then center cropped to a square.

    Returns (resolution, resolution, 3), 0 … 255. Lanczos, in one pass: resampling only the square that is kept avoids
    rounding the longer side to whole pixels, which would stretch the image a little.
    """
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    square = image.convert("RGB").resize(
        (resolution, resolution), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side)
    )
    return np.array(square)


def _read(path: Path, *, quick: bool) -> Image.Image:
    """quick: decode a JPEG at an eighth of its size, four times as fast, to see whether it can be read to its end."""
    try:
        with Image.open(path, formats=readable_formats()) as image:
            if quick:
                image.draft("RGB", (1, 1))
            image.load()
            return _upright(to_rgb(image), _orientation(image))
    except Exception as error:  # on damaged data Pillow's decoders raise exceptions of any kind
        raise UserError(
            f"{path} cannot be read as an image ({_reason(path, error)}): replace it, or save it as PNG or JPEG."
        ) from error


def _visible_files(folder: str | Path) -> list[Path]:
    root = Path(folder)
    if not root.is_dir():
        raise UserError(f"Folder {folder} not found: choose an existing folder of images.")
    relative = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    visible = (path for path in relative if not any(part.startswith(".") for part in path.parts))
    return [root / path for path in sorted(visible, key=Path.as_posix)]


def _unsupported_warnings(folder: str | Path, images: set[Path]) -> list[str]:
    unsupported = [path for path in _visible_files(folder) if path.suffix.lower() in UNSUPPORTED_SUFFIXES]
    return [
        f"Skipped: {path} has a format that is not supported: save it as PNG or JPEG."
        for path in unsupported
        if path not in images
    ]


def _orientation(image: Image.Image) -> int:
    # Pillow rotates TIFFs itself while loading, and older versions keep the tag: do not rotate them twice.
    if image.format == "TIFF":
        return 1
    try:
        return int(image.getexif().get(ORIENTATION_TAG, 1))
    except Exception:  # an image with broken EXIF is still an image
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    transpose = _TRANSPOSES.get(orientation)
    return image if transpose is None else image.transpose(transpose)


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return f"it has more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels, the limit"
    if isinstance(error, UnidentifiedImageError):
        if path.stat().st_size == 0:
            return "the file is empty"
        return f"it is not one of {', '.join(readable_formats())}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
