"""What is wrong with the masks of a run, as far as they can be read while somebody waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..data.first_faults import first_faults
from ..data.masked_examples import FoundMasks, find_masks, no_masks
from ..data.usable import UsableImages
from ..settings.options import Settings

LOOK_SECONDS = 0.5
"""How long the masks of a concept are read; the next check goes on with those that it has not come to."""


def masks_in_time(settings: Settings, found: Sequence[UsableImages]) -> list[FoundMasks]:
    """The masks of each concept. found: the images of each, of which those that were not read yet are left out."""
    return find_masks(settings.concepts, _read_images(found), settings.masks, LOOK_SECONDS)


def mask_faults(settings: Settings, found: Sequence[UsableImages], masks: Sequence[FoundMasks]) -> dict[str, str]:
    """What a run would be refused for, by the option's name."""
    faults = {
        _place(settings, number): "\n".join(first_faults(each.faults, "mask"))
        for number, each in enumerate(masks, start=1)
        if each.faults
    }
    all_are_read = not any(each.unchecked for each in found)
    if all_are_read and (none := no_masks(_read_images(found), masks, settings.masks)):
        faults["masks.source"] = none
    return faults


def mask_risks(settings: Settings, masks: Sequence[FoundMasks]) -> Iterator[tuple[str, str]]:
    """What a run would warn of: the option's name, and a sentence."""
    for number, each in enumerate(masks, start=1):
        for warning in each.warnings:
            yield _place(settings, number), warning


def _place(settings: Settings, number: int) -> str:
    """The option of the folder that the masks of a concept, counted from 1, are in."""
    in_own = settings.masks.source == "files" and settings.concepts[number - 1].mask_folder
    return f"concepts.{number}.{'mask_folder' if in_own else 'folder'}"


def _read_images(found: Sequence[UsableImages]) -> list[list[Path]]:
    return [[image for image in each.images if image in each.sizes] for each in found]
