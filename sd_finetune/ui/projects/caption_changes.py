"""Changes to the captions of a concept by several pages and jobs: each tells what it read and what shall stand now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from ...data.caption_writing import write_caption
from ...data.captions import CaptionReader
from ...errors import UserError
from .images import image_in

_THREADS = 8


def change_captions(folder: str, changes: Any, captions: CaptionReader) -> dict[str, dict[str, str]]:
    """Write the captions of images in `folder`. To be called by one at a time.

    Args:
        changes: by the image's name what `was` read (None or left out: whatever stands there) and what the caption is
            `now`, "" for none.

    Returns:
        What was not written, by the image's name: `theirs`, what stands there because another one wrote it since, and
        `faults`, why it cannot be written.

    Raises:
        UserError: they are no such changes.
    """
    wanted = _checked(changes)

    def write(name: str) -> str | UserError | None:
        try:
            return write_caption(image_in(folder, name), wanted[name]["now"], captions, wanted[name].get("was"))
        except UserError as error:
            return error

    with ThreadPoolExecutor(_THREADS) as pool:  # most of the time is waited for the disk
        found = dict(zip(wanted, pool.map(write, wanted), strict=True))
    return {
        "theirs": {name: stands for name, stands in found.items() if isinstance(stands, str)},
        "faults": {name: str(fault) for name, fault in found.items() if isinstance(fault, UserError)},
    }


def _checked(changes: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(changes, dict):
        raise UserError('changes is missing: send {"changes": {"1.png": {"was": "a dog", "now": "a dog in snow"}}}.')
    table = cast("dict[str, Any]", changes)
    for name, change in table.items():
        entry = cast("dict[str, Any]", change) if isinstance(change, dict) else {}
        texts = isinstance(entry.get("now"), str) and isinstance(entry.get("was"), (str, type(None)))
        if not texts or not {"was", "now"}.issuperset(entry):
            raise UserError(f'The caption of {name[:100]} is not valid: send {{"was": "a text", "now": "a text"}}.')
    return table
