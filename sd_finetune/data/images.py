"""The one reader of image files, for training, thumbnails and counts alike: upright 8-bit RGB, or why not."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..errors import UserError
from .cropping import Crop, Size
from .jpeg_outline import jpeg_outline
from .rgb import in_srgb, is_wide_gray, may_be_transparent, to_rgb

# No other format is tried, whatever the ending of a file: for EPS, Pillow would run an external program.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
FORMATS_BY_ENDING = ("TGA", "JPEG2000", "PPM", "PCX", "DDS", "SGI", "QOI", "PSD", "HEIF", "JXL")
"""Tried only for files with such an ending, as anything could be taken for some of them."""

LEAST_SIDE = 16
"""Pixels of the shorter side; less is a tracking pixel or an icon, of which nothing can be learned."""
MOST_PROPORTION = 10
"""Longer side to shorter side; beyond, what is trained is a sliver of the image."""
MOST_PIXELS = 178_956_970
"""Pillow's limit against decompression bombs, here also where another extension has turned that off."""
LARGE_PIXELS = 30_000_000

_ORIENTATION_TAG = 0x0112
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
_QUARTER_TURNS = (
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)


@dataclass(frozen=True)
class Seen:
    """What was found out about an image file: `size` (width, height; upright), or `why` it cannot be used.

    is_lasting: whether it holds as long as the file is the same, which a disk that is gone does not.
    """

    size: tuple[int, int] | None
    why: str = ""
    is_lasting: bool = True


def readable_formats() -> list[str]:
    """Those of `FORMATS` that the installed Pillow can open."""
    _load_plugins()
    return [name for name in FORMATS if name in Image.OPEN]


def format_by_ending(ending: str) -> str:
    """The one of `FORMATS_BY_ENDING` that the installed Pillow can open and files with that ending have; else ""."""
    _load_plugins()
    name = Image.EXTENSION.get(ending.lower(), "")
    if name == "MPO":  # several JPEGs in one file, of which the first is read
        return "JPEG"
    return name if name in FORMATS_BY_ENDING and name in Image.OPEN else ""


@cache
def _load_plugins() -> None:
    """Those that the WebUI's own process may have imported and a worker would not."""
    Image.init()
    for name in ("pillow_avif", "pillow_heif", "pillow_jxl"):
        with suppress(ImportError, AttributeError):
            plugin = import_module(name)
            if name == "pillow_heif":  # the others register themselves
                plugin.register_heif_opener()


def open_image(path: str | Path, least_side: int | None = None) -> Image.Image:
    """The image (of an animation, its first frame) as RGB, 8 bit, rotated upright by its EXIF.

    Transparent parts become white. least_side: a JPEG may be decoded with sides as small as this, which is quicker.
    Raises UserError when the file is missing, damaged, of another format, no plain file, or has too many pixels.
    """
    return open_converted(Path(path), lambda image: to_rgb(in_srgb(image)), least_side)


def open_converted(
    path: Path, convert: Callable[[Image.Image], Image.Image], least_side: int | None = None
) -> Image.Image:
    """What `convert` makes of the image as it is stored, upright. The rest as in `open_image`."""
    try:
        with opened(path) as image:
            if least_side is not None:
                image.draft("RGB", (least_side, least_side))
            image.load()
            return _upright(convert(image), _orientation(image))
    except Exception as error:  # on damaged data Pillow's decoders raise exceptions of any kind
        raise UserError(f"{path} {_why_not(path, error)}.") from error


def has_alpha(path: Path) -> bool:
    """Whether parts of the image may be transparent, by its header alone. Raises UserError as `open_image`."""
    try:
        with opened(path) as image:
            return may_be_transparent(image)
    except Exception as error:
        raise UserError(f"{path} {_why_not(path, error)}.") from error


def look_at(file: Path | BytesIO, large_alone: AbstractContextManager[Any] | None = None, ending: str = "") -> Seen:
    """Whether `open_image` can read it, and its size, which must be one that something can be learned from.

    Reads the file to its end, but makes no whole RGB image of it, and decodes of a JPEG only what can be refused.

    ending: of the name of a file that is not on the disk.
    large_alone: a lock that is held while an image of more than `LARGE_PIXELS` is decoded, which takes its memory.
    """
    try:
        with opened(file, ending) as image:
            width, height = image.size
            _refuse_useless_size(width, height)
            with large_alone if large_alone and width * height > LARGE_PIXELS else nullcontext():
                turned = _is_turned(image)
                if not _has_good_outline(file, image):
                    _decode(image)
            if image.format == "TIFF":  # which Pillow has turned by now
                width, height = image.size
            return Seen((height, width) if turned else (width, height))
    except Exception as error:
        passes = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None)
        return Seen(None, _why_not(file, error), is_lasting=not passes)


def _has_good_outline(file: Path | BytesIO, image: Image.Image) -> bool:
    """Whether it is a JPEG that can be decoded for certain; another one has to be tried."""
    if image.format != "JPEG":
        return False
    outline = jpeg_outline(file.read_bytes() if isinstance(file, Path) else file.getvalue())
    if outline is None:
        return False
    try:
        with Image.open(BytesIO(outline), formats=["JPEG"]) as short:
            _decode(short)
            return True
    except Exception:  # the whole file says why
        return False


def _decode(image: Image.Image) -> None:
    """Raise whatever Pillow does of an image that cannot be decoded and converted."""
    image.draft("RGB", (1, 1))  # decodes a JPEG at an eighth of its size, four times as fast
    image.load()
    to_rgb(image if is_wide_gray(image) else image.crop((0, 0, 1, 1)))


def look_depends_on() -> list[Any]:
    """All that decides what `look_at` answers but the file itself."""
    by_ending = [name for name in FORMATS_BY_ENDING if name in Image.OPEN]
    limits = [LEAST_SIDE, MOST_PROPORTION, MOST_PIXELS]
    return [PIL.__version__, *readable_formats(), *by_ending, *limits]


def upright_size(path: Path) -> Size:
    """Width and height of an image from its header alone. Raises UserError as `open_image`."""
    try:
        with opened(path) as image:
            size, turned = image.size, _is_turned(image)
            if image.format == "TIFF":  # which is turned by Pillow, but only once it is loaded
                image.load()
                size = image.size
    except Exception as error:
        raise UserError(f"{path} {_why_not(path, error)}.") from error
    return (size[1], size[0]) if turned else size


def fit_image(image: Image.Image, crop: Crop) -> NDArray[np.uint8]:
    """The crop of an upright image as (height, width, 3), 0 … 255. Lanczos, in one pass."""
    part = image.convert("RGB").resize(crop.size, Image.Resampling.LANCZOS, box=crop.box)
    return np.array(part)


def opened(file: Path | BytesIO, ending: str = "") -> Image.Image:
    """The image, of which only the header was read. Raises whatever Pillow does of a file that is none."""
    if isinstance(file, Path) and not stat.S_ISREG(file.stat().st_mode):  # a pipe would wait for ever
        raise ValueError("it is not a plain file")
    own = format_by_ending(file.suffix if isinstance(file, Path) else ending)
    image = Image.open(file, formats=[own, *readable_formats()] if own else readable_formats())
    if image.width * image.height > MOST_PIXELS:
        image.close()
        raise ValueError(_too_many_pixels(image.width * image.height))
    return image


def _refuse_useless_size(width: int, height: int) -> None:
    if min(width, height) < LEAST_SIDE:
        raise ValueError(f"it has {width:,} x {height:,} pixels, and each side needs at least {LEAST_SIDE}")
    if max(width, height) > MOST_PROPORTION * min(width, height):
        most = f"the longer side may be {MOST_PROPORTION} times the shorter one"
        raise ValueError(f"it has {width:,} x {height:,} pixels, and {most}")


def _too_many_pixels(count: int) -> str:
    return f"it has {count / 1e6:,.0f} megapixels, and the limit is {MOST_PIXELS // 10**6}"


def _orientation(image: Image.Image) -> int:
    # Pillow rotates TIFFs itself while loading, and older versions keep the tag: do not rotate them twice.
    if image.format == "TIFF":
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # an image with broken EXIF is still an image
        return 1


def _is_turned(image: Image.Image) -> bool:
    """Whether width and height change places when it is made upright."""
    return _TRANSPOSES.get(_orientation(image)) in _QUARTER_TURNS


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    transpose = _TRANSPOSES.get(orientation)
    return image if transpose is None else image.transpose(transpose)


def _why_not(file: Path | BytesIO, error: Exception) -> str:
    """The rest of a sentence about a file that could not be read."""
    return f"cannot be read as an image ({_reason(file, error)}): replace it, or save it as PNG or JPEG"


def _reason(file: Path | BytesIO, error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        pixels = re.search(r"[0-9]+", str(error))
        return _too_many_pixels(int(pixels[0])) if pixels else "it has too many pixels"
    if isinstance(error, UnidentifiedImageError):
        if (file.stat().st_size if isinstance(file, Path) else file.getbuffer().nbytes) == 0:
            return "the file is empty"
        return f"it is not one of {', '.join(readable_formats())}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
