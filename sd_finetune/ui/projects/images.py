"""A concept's images as a whole, one of them by its name, and images that are dropped on the page."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

from ...data.buckets import crop_of
from ...data.caption_text import decoded_text
from ...data.captions import ENDINGS, caption_files
from ...data.cropping import Size, cut_off
from ...data.folder import image_called
from ...data.images import look_at, readable_formats
from ...data.mask_names import without_mask_end
from ...data.masks import MaskFiles
from ...data.metadata_lines import NAME as METADATA
from ...data.metadata_lines import read_metadata_lines
from ...data.skipped import Use, readable_suffixes
from ...data.usable import UsableImages
from ...errors import UserError
from ...runs.atomic import is_taken, replacing
from ...settings.options import Concept, Data, Masks
from ...settings.rules import is_device_name

MOST_NAME_BYTES = 220
"""Of an upload: file systems take 255, and a number and the ending of an unfinished file come to it."""


def describe_images(found: UsableImages, data: Data) -> dict[str, Any]:
    """A concept's images as a whole: `count`, `excluded` (how many), `sizes`, `skipped`, `unchecked`.

    `sizes`, the most frequent first: `size`, `count`, and what is made of such an image: the size that it is `trained`
    in, the share that is `cut` off, and the `scale` it is resized by.
    `skipped` has a sentence for each file that is not trained; `unchecked` is how many may still turn out to be such.
    """
    sizes = Counter(found.sizes.values())
    fitted = [{"size": size, "count": count, **_fitted(size, data)} for size, count in sizes.most_common()]
    return {
        "count": len(found.images),
        "excluded": len(found.excluded),
        "sizes": fitted,
        "skipped": found.warnings(),
        "unchecked": found.unchecked,
    }


def image_in(folder: str, name: str, use: Use = "training") -> Path:
    """The image, which must be one that is found in the folder, so that no name leads out of it. Raises UserError."""
    path = image_called(folder, name, use)
    if path is None:
        raise UserError(f"Image {name} not found in {folder}: reload the page.")
    return path


def remove_upload(uploads: Path, folder: str, name: str) -> None:
    """Remove an image that was dropped on the page, with its caption and mask.

    uploads: where the project keeps what was dropped. Raises UserError for any other folder's image.
    """
    image = image_in(folder, name)
    if not is_upload(uploads, folder):
        raise UserError(f"{image} is in a folder of your own: delete it there.")
    image.unlink()
    mask = MaskFiles(Concept(folder=folder), Masks()).file_of(image)
    for file in [*caption_files(image), *([mask] if mask else [])]:
        file.unlink(missing_ok=True)


def is_upload(uploads: Path, folder: str) -> bool:
    """Whether a folder is one that the project keeps uploads in."""
    try:
        return uploads.resolve() in Path(folder).resolve().parents
    except (OSError, RuntimeError, ValueError):  # a link to itself, or no path at all
        return False


def upload_name(name: str) -> str:
    """The name under which an image or a caption is kept that was dropped on the page as `name`.

    Raises:
        UserError: its ending is none of an image that is trained on, and no caption's; or it is too long.
    """
    plain = re.sub(r"[^\w .()-]+", "_", Path(name.replace("\\", "/")).name).strip(". ") or "image"
    if not is_caption(plain) and Path(plain).suffix.lower() not in readable_suffixes():
        kinds = ", ".join(readable_formats())
        others = f"captions as {', '.join(ENDINGS)} or {METADATA}"
        raise UserError(f"{name[:100]} is not an image that is trained on: use {kinds}, or {others}.")
    if is_device_name(plain):
        plain = f"_{plain}"
    if len(plain.encode()) > MOST_NAME_BYTES:
        raise UserError(f"{name[:100]}... has a name of more than {MOST_NAME_BYTES} bytes: rename it.")
    return plain


def is_caption(name: str) -> bool:
    """Whether an upload of that name is a caption and no image."""
    return Path(name).suffix.lower() in ENDINGS or name.lower() == METADATA


def keep_upload(folder: Path, name: str, content: bytes) -> Path:
    """Write an upload into `folder` under the name `upload_name` or, where that is taken, the same with a number.

    To be called by one at a time. Raises UserError if it is neither a readable image nor a text.
    """
    if name.lower() == METADATA:
        return _keep_metadata(folder / METADATA, content)
    if is_caption(name):
        decoded_text(content, name)
    elif why := look_at(io.BytesIO(content), ending=Path(name).suffix).why:
        raise UserError(f"{name} {why}.")
    path, number = folder / name, 1
    stem = without_mask_end(path)
    while is_taken(path):  # of an image and its mask, both get the number
        number += 1
        path = folder / f"{stem}-{number}{name[len(stem) :]}"
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)
    return path


def _keep_metadata(file: Path, content: bytes) -> Path:
    """Add the lines to those that are there; of two about an image the last one counts."""
    with replacing(file) as unfinished:
        unfinished.write_bytes((file.read_bytes().rstrip() + b"\n" if file.exists() else b"") + content)
        read_metadata_lines(unfinished)
    return file


def _fitted(size: Size, data: Data) -> dict[str, Any]:
    crop = crop_of(size, data)
    return {"trained": crop.size, "cut": cut_off(size, crop), "scale": crop.scale}
