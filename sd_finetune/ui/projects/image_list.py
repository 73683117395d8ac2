"""The images of a concept one by one, as the page shows them in a grid: captions, prompts, sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...data.caption_writing import own_text
from ...data.captions import CaptionReader
from ...data.prompt_building import plain_prompt
from ...data.usable import UsableImages
from ...errors import UserError

MOST = 20_000
"""Images of a folder that are listed; the count tells of the rest."""


def list_images(found: UsableImages, folder: str, prompt: str, captions: CaptionReader) -> list[dict[str, Any]]:
    """The images of a concept by name, those too that the user excludes.

    Of each its `name` from the folder on, `caption`, its own, the `prompt` without chance (or why its caption cannot
    be read), `size` in pixels, upright, None where it was not looked at, and `state`, another one after each change.
    """
    images = sorted([*found.images, *found.excluded])[:MOST]
    return [_entry(path, Path(folder), prompt, found.sizes.get(path), captions) for path in images]


def _entry(
    path: Path, folder: Path, prompt: str, size: tuple[int, int] | None, captions: CaptionReader
) -> dict[str, Any]:
    try:
        found = captions.of(path)
        caption, shown = own_text(found), plain_prompt(prompt, found, captions.options)
    except UserError as error:
        caption, shown = "", str(error)
    name = path.relative_to(folder).as_posix()
    return {"name": name, "caption": caption, "prompt": shown, "size": size, "state": _state(path)}


def _state(path: Path) -> str:
    try:
        facts = path.stat()
    except OSError:  # it is gone since it was listed
        return ""
    return f"{facts.st_mtime_ns:x}-{facts.st_size:x}"
