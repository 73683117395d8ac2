"""The images of a concept one by one, as the page shows them in a grid: captions, prompts, sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...data.buckets import crop_of
from ...data.caption_writing import own_text
from ...data.captions import CaptionReader
from ...data.cropping import Size, cut_off
from ...data.prompt_building import plain_prompt
from ...data.usable import UsableImages
from ...errors import UserError
from ...settings.options import Data

MOST = 20_000
"""Images of a folder that are listed; the count tells of the rest."""


def list_images(
    found: UsableImages, folder: str, prompt: str, captions: CaptionReader, data: Data
) -> list[dict[str, Any]]:
    """The images of a concept by name, those too that the user excludes.

    Of each its `name` from the folder on, `caption`, its own, the `prompt` without chance (or why its caption cannot
    be read), `size` in pixels, upright, and the size that it is `trained` in, None where it was not looked at, the
    share of it that is `cut` off, and `state`, another one after each change.
    """
    images = sorted([*found.images, *found.excluded])[:MOST]
    return [
        {**_entry(path, Path(folder), prompt, captions), **_trained(found.sizes.get(path), data)} for path in images
    ]


def _entry(path: Path, folder: Path, prompt: str, captions: CaptionReader) -> dict[str, Any]:
    try:
        found = captions.of(path)
        caption, shown = own_text(found), plain_prompt(prompt, found, captions.options)
    except UserError as error:
        caption, shown = "", str(error)
    name = path.relative_to(folder).as_posix()
    return {"name": name, "caption": caption, "prompt": shown, "state": _state(path)}


def _trained(size: Size | None, data: Data) -> dict[str, Any]:
    if size is None:
        return {"size": None, "trained": None, "cut": 0}
    crop = crop_of(size, data)  # whichever part of the image: it is as large in all places
    return {"size": size, "trained": crop.size, "cut": cut_off(size, crop)}


def _state(path: Path) -> str:
    try:
        facts = path.stat()
    except OSError:  # it is gone since it was listed
        return ""
    return f"{facts.st_mtime_ns:x}-{facts.st_size:x}"
