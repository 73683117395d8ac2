"""What is wrong with the captions of a run, as far as they can be read while somebody waits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..data.captions import CaptionReader, class_reader_of, reader_of
from ..data.prompt_templates import class_templates, instance_templates
from ..data.read_captions import named_faults, read_captions
from ..data.usable import UsableImages
from ..settings.options import Settings
from .other_folders import OtherImages

LOOK_SECONDS = 1.0
"""How long all captions of a run are read, which is enough for 20,000 of them; what is left is told by the run."""


def caption_faults(
    settings: Settings, found: Sequence[UsableImages], others: Sequence[OtherImages]
) -> Iterator[tuple[str, str]]:
    """What a run would be refused for: the option's name, and sentences, a line each.

    found: the images of each concept, of which those that were not read yet are left out. others: the images beside.
    """
    end = time.monotonic() + LOOK_SECONDS
    for number, (concept, images) in enumerate(zip(settings.concepts, found, strict=True), start=1):
        place, templates = f"concepts.{number}", instance_templates(settings, concept)
        names = f"{place}.folder", f"{place}.metadata_file"
        yield from _of(names, images, templates, reader_of(concept, settings.captions), end)
    for each in others:
        if each.is_class:
            templates = (*class_templates(settings, each.concept), each.concept.class_prompt)
            reader = class_reader_of(each.concept, settings.captions)
        else:
            templates, reader = instance_templates(settings, each.concept), reader_of(each.concept, settings.captions)
        yield from _of((each.option, each.option), each.images, templates, reader, end)


def _of(
    names: tuple[str, str], found: UsableImages, templates: Sequence[str], reader: CaptionReader, end: float
) -> Iterator[tuple[str, str]]:
    """names: of the options of the folder and of the metadata file."""
    images: list[Path] = [image for image in found.images if image in found.sizes]
    read = read_captions(images, templates, reader, end)
    if read.metadata_fault:
        yield names[1], read.metadata_fault
    if read.faults:
        yield names[0], "\n".join(named_faults(read.faults))
