"""What is wrong with the captions of a run, as far as they can be read while somebody waits."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data.captions import CaptionReader, class_reader_of, reader_of
from ..data.prompt_building import plain_prompt
from ..data.prompt_templates import class_templates, instance_templates
from ..data.read_captions import ReadCaptions, named_faults, read_captions
from ..data.usable import UsableImages
from ..settings.options import Settings
from .other_folders import OtherImages

LOOK_SECONDS = 1.0
"""How long all captions of a run are read, which is enough for 20,000 of them; what is left is told by the run."""


@dataclass(frozen=True)
class CaptionedImages:
    """Images of one folder, as far as they were read. folder, metadata: the options of these."""

    folder: str
    metadata: str
    images: Sequence[Path]
    templates: Sequence[str]
    reader: CaptionReader
    read: ReadCaptions

    def prompts_of(self, image: Path) -> list[str]:
        """Those without chance."""
        caption = self.read.captions.get(image)
        return [plain_prompt(template, caption, self.reader.options) for template in self.templates]


def captions_in_time(
    settings: Settings, found: Sequence[UsableImages], others: Sequence[OtherImages]
) -> tuple[list[CaptionedImages], list[CaptionedImages]]:
    """Those of the training images of each concept, and of the images beside.

    found: the images of each concept, of which those that were not read yet are left out. others: the images beside.
    """
    end = time.monotonic() + LOOK_SECONDS
    trained: list[CaptionedImages] = []
    beside: list[CaptionedImages] = []
    for number, (concept, images) in enumerate(zip(settings.concepts, found, strict=True), start=1):
        place, templates = f"concepts.{number}", instance_templates(settings, concept)
        names = f"{place}.folder", f"{place}.metadata_file"
        trained.append(_of(names, images, templates, reader_of(concept, settings.captions), end))
    for each in others:
        if each.is_class:
            templates = (*class_templates(settings, each.concept), each.concept.class_prompt)
            reader = class_reader_of(each.concept, settings.captions)
        else:
            templates, reader = instance_templates(settings, each.concept), reader_of(each.concept, settings.captions)
        beside.append(_of((each.option, each.option), each.images, templates, reader, end))
    return trained, beside


def caption_faults(captioned: Iterable[CaptionedImages]) -> Iterator[tuple[str, str]]:
    """What a run would be refused for: the option's name, and sentences, a line each."""
    for each in captioned:
        if each.read.metadata_fault:
            yield each.metadata, each.read.metadata_fault
        if each.read.faults:
            yield each.folder, "\n".join(named_faults(each.read.faults))


def _of(
    names: tuple[str, str], found: UsableImages, templates: Sequence[str], reader: CaptionReader, end: float
) -> CaptionedImages:
    """names: of the options of the folder and of the metadata file."""
    images: list[Path] = [image for image in found.images if image in found.sizes]
    return CaptionedImages(*names, images, templates, reader, read_captions(images, templates, reader, end))
