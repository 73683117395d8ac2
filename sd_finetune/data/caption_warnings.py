"""What a user should know of the captions of a concept."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..counted import counted
from ..settings.options import Concept
from .captions import FILEWORDS, Caption, CaptionReader, caption_files
from .metadata_json import metadata_of
from .metadata_lines import NAME as LINES_NAME
from .stray_captions import may_be_caption

NAMED = 3
"""Files of a kind that a sentence names."""


def caption_warnings(name: str, captions: Mapping[Path, Caption], default: str = "") -> Iterator[str]:
    """About captions that are used. name: of the concept. captions: of its images. default: as in `CaptionReader`."""
    without = [image for image, caption in captions.items() if caption.source is None]
    if without and len(without) < len(captions):
        yield without_captions(name, without, default)
    guessed = {caption.source: caption.guessed for caption in captions.values() if caption.source and caption.guessed}
    for encoding in sorted(set(guessed.values())):
        files = sorted(file for file, each in guessed.items() if each == encoding)
        yield (
            f"{name}: {_named(files, 'caption')} not UTF-8, and read as {encoding}: if letters are wrong, save "
            f"{'it' if len(files) == 1 else 'them'} as UTF-8."
        )
    for image, caption in captions.items():
        others = [file for file in caption_files(image) if file != caption.source and file.is_file()]
        if others and caption.source:
            yield f"{name}: {image.name} has several captions, {caption.source} is used and {others[0].name} is not."
    yield from shared_captions(name, {image: caption.source for image, caption in captions.items()})
    yield from _without_words(name, captions)


def names_as_prompts(
    name: str, captions: Mapping[Path, Caption], templates: Sequence[str], default: str
) -> Iterator[str]:
    """About file names such as "DSC_0012" that are all that is trained as prompts; those of several words are meant."""
    if default or set(templates) != {FILEWORDS} or any(caption.source for caption in captions.values()):
        return
    words = [caption.line for image, caption in captions.items() if image.stem.endswith(caption.line)]
    shown = next(filter(None, words), "")
    if shown and len(words) == len(captions) and not any(" " in each for each in words):
        yield (
            f'{name}: no image has a caption, and the prompts are the file names alone, such as "{shown}": write '
            "captions, or an instance_prompt."
        )


def shared_captions(name: str, sources: Mapping[Path, Path | None]) -> Iterator[str]:
    """About caption files of several images, as 1.txt is of 1.png and 1.jpg. sources: where each image's caption is."""
    images: dict[Path, list[Path]] = {}
    for image, source in sources.items():
        if source and may_be_caption(source):
            images.setdefault(source, []).append(image)
    shared = sorted(file for file, own in images.items() if len(own) > 1)
    if shared:
        few = [image.name for image in images[shared[0]][:NAMED]]
        own = " and ".join(f"{image}.txt" for image in few)
        yield (
            f"{name}: {_named(shared, 'caption')} used for several images, such as {' and '.join(few)}: if each is to "
            f"have its own, save {own}."
        )


def _without_words(name: str, captions: Mapping[Path, Caption]) -> Iterator[str]:
    """About captions such as ", ,". One that is empty is meant to be."""
    found = [image for image, caption in captions.items() if caption.source and _is_punctuation(caption.line)]
    if found:
        share = f"the captions of {len(found):,} of {counted(len(captions), 'image')}, such as {found[0].name},"
        yield f"{name}: {share} are nothing but punctuation, and are trained as it: write what the images show."


def _is_punctuation(line: str) -> bool:
    return bool(line) and all(
        letter in string.punctuation or unicodedata.category(letter)[0] in "PZ" for letter in line
    )


def unused_metadata(name: str, captions: Mapping[Path, Caption], concept: Concept) -> Iterator[str]:
    """About files with the captions of many images of which no image of the concept has its caption."""
    sources = {caption.source for caption in captions.values()}
    beside = Path(concept.folder) / LINES_NAME
    files = {"metadata_file = ": Path(concept.metadata_file)} if concept.metadata_file else {}
    for option, file in (files | ({"": beside} if beside.is_file() else {})).items():
        if not captions or sources & {file, file.absolute()}:
            continue
        named = counted(len([image for image in metadata_of(file) if not image.startswith("*/")]), "image")
        yield (
            f"{name}: {option}{file} names {named}, and no image in {concept.folder} has its caption from "
            "there, as all are called otherwise or have caption files: correct the names in the file, or leave it out."
        )


def without_captions(name: str, images: Sequence[Path], default: str) -> str:
    """A sentence about images that have no caption, where captions are used."""
    one = len(images) == 1
    stand_in = f'"{default}"' if default else "its file name" if one else "their file names"
    verb = "replaces" if default or one else "replace"
    problem = f"{name} has {counted(len(images), 'image')} without a caption, such as {images[0].name}"
    return f"{problem}: {stand_in} {verb} {FILEWORDS}."


def unused_captions(name: str, images: Sequence[Path], reader: CaptionReader) -> Iterator[str]:
    """About captions that no prompt asks for."""
    sources = [source for source in map(reader.source_of, images) if source]
    if sources:
        yield (
            f"{name}: the captions of {len(sources)} of {len(images)} images, such as {sources[0]}, are not used: "
            f"put {FILEWORDS} into instance_prompt, or for textual inversion into the prompt templates."
        )


def _named(files: Sequence[Path], what: str) -> str:
    """As "3 captions (a.txt, b.txt and c.txt) are"."""
    more = f" and {len(files) - NAMED:,} more" if len(files) > NAMED else ""
    names = ", ".join(map(str, files[:NAMED]))
    return f"{counted(len(files), what)} ({names}{more}) {'is' if len(files) == 1 else 'are'}"
