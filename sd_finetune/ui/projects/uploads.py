"""Images and captions that are dropped on the page, kept in the project's own folders."""

from __future__ import annotations

import io
import itertools
import re
from pathlib import Path
from typing import Any

from ...data.caption_text import decoded_text
from ...data.captions import ENDINGS, caption_files
from ...data.images import look_at, readable_formats
from ...data.mask_names import without_mask_end
from ...data.masks import MaskFiles
from ...data.metadata_lines import NAME as METADATA
from ...data.metadata_lines import read_metadata_lines
from ...data.skipped import readable_suffixes
from ...errors import UserError
from ...runs.atomic import is_taken, replacing
from ...settings.options import Concept, Masks
from ...settings.plain import concepts
from ...settings.rules import is_device_name
from .images import image_in

MOST_NAME_BYTES = 220
"""Of an upload: file systems take 255, and a number and the ending of an unfinished file come to it."""


def upload_folder(uploads: Path, settings: dict[str, Any], number: int, before: str) -> Path:
    """Where what is dropped on a concept is kept: in its folder, or a new one if that is none of the project's own.

    Args:
        uploads: where the project has such folders.
        number: the concept's, counted from 1; it may not be in the settings yet.
        before: the folder of what was dropped with it, or "" for the first.

    Raises:
        UserError: `before` is none of the project's own.
    """
    folders = [str(concept.get("folder") or "") for concept in concepts(settings)]
    if before:
        if not is_upload(uploads, before):
            raise UserError(f"{before} is not a folder of uploads of this project: drop the images again.")
        return Path(before)
    if number <= len(folders) and is_upload(uploads, folders[number - 1]):
        return Path(folders[number - 1])
    used = {Path(folder).resolve() for folder in folders if is_upload(uploads, folder)}
    free = (uploads / f"concept-{count}" for count in itertools.count(number))
    return next(folder for folder in free if not is_taken(folder) and folder.resolve() not in used)


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
