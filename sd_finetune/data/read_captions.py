"""The captions of many images, and all that is wrong with them at once; for the worker and for the check before it.

read_captions(images, templates, reader, end) -> ReadCaptions(captions, faults, metadata_fault)
refuse_faults(read): UserError with a line for each
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UserError
from ..settings.options import Captions
from ..settings.prompt_syntax import weight_fault
from .captions import FILEWORDS, Caption, CaptionReader, prompt_for
from .first_faults import first_faults
from .prompt_building import lines_of


@dataclass
class ReadCaptions:
    """captions: of each image, none if no template asks for them. faults: a sentence for each that cannot be used.

    metadata_fault: why the metadata file of all images cannot be, "" where nothing is wrong with it.
    """

    captions: dict[Path, Caption] = field(default_factory=dict[Path, Caption])
    faults: list[str] = field(default_factory=list[str])
    metadata_fault: str = ""


def read_captions(
    images: Iterable[Path], templates: Iterable[str], reader: CaptionReader, end: float = float("inf")
) -> ReadCaptions:
    """Those that the templates ask for.

    end: when to stop, by `time.monotonic`; the captions of images that there was no time for are not looked at.
    """
    read, shown = ReadCaptions(), [template for template in templates if FILEWORDS in template]
    if not shown:
        return read
    read.metadata_fault = reader.metadata_fault()
    faults = dict[str, None]()
    for image in images:
        if time.monotonic() >= end:
            break
        try:
            read.captions[image] = reader.of(image)
        except UserError as error:
            faults[str(error)] = None
        else:
            faults[_weight_fault(image, read.captions[image], shown, reader.options)] = None
    read.faults = [fault for fault in faults if fault and fault != read.metadata_fault]  # which each image says
    return read


def _weight_fault(image: Path, caption: Caption, templates: Sequence[str], options: Captions) -> str:
    """About the first of an image's prompts whose emphasis is to be read and cannot be; "" where all can."""
    if options.emphasis == "none":
        return ""
    lines = lines_of(caption.text, options)
    shown = lines if options.several_lines == "random" else lines[:1]
    faults = (weight_fault(prompt_for(template, line)) for line in shown for template in templates)
    return next((f"{caption.source or image}: {fault}" for fault in faults if fault), "")


def refuse_faults(read: ReadCaptions) -> None:
    """Raise UserError if captions cannot be used: a line for the metadata file, and for each of the first of them."""
    lines = [*filter(None, [read.metadata_fault]), *named_faults(read.faults)]
    if lines:
        raise UserError("\n".join(lines))


def named_faults(faults: Sequence[str]) -> list[str]:
    """The first of them, and how many more there are."""
    return first_faults(faults, "caption")
