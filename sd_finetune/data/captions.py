"""Captions of images, and the prompts made from them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..settings.options import Captions, Concept
from .caption_text import MOST_BYTES, decoded_text
from .image_comments import comment_in
from .metadata_json import caption_in_metadata_file, metadata_of
from .metadata_lines import NAME, caption_in_metadata
from .stray_captions import ENDINGS

FILEWORDS = "[filewords]"
# As the WebUI's Train tab: "0012-a red car.png" is captioned "a red car".
_LEADING_NUMBERS = re.compile(r"^[-_\d]+\s*")


@dataclass(frozen=True)
class Caption:
    """text: as it is written, perhaps of several lines. source: the file that it stands in, None where there is none.

    guessed: the encoding that it was read as, where that is none of Unicode's.
    """

    text: str
    source: Path | None = None
    guessed: str = ""

    @property
    def line(self) -> str:
        """The text in one line with single spaces. May be empty."""
        return " ".join(self.text.split())


def caption_files(image: Path) -> list[Path]:
    """Where the caption of `image` may stand, as 1.png.txt, 1.png.caption, 1.txt, 1.caption; the first counts."""
    return [image.with_name(name + ending) for name in dict.fromkeys((image.name, image.stem)) for ending in ENDINGS]


def caption_file(image: Path) -> Path:
    """The caption file of `image`; where there is none yet, the one to write."""
    folder = str(image)[: -len(image.name)]  # a `Path` for each name would double the time of 10,000 images
    for name in dict.fromkeys((image.name, image.stem)):
        for ending in ENDINGS:
            if os.path.isfile(file := f"{folder}{name}{ending}"):  # noqa: PTH113
                return Path(file)
    return image.with_name(f"{image.stem}.txt")


class CaptionReader:
    """Captions of the images in folders: a file beside the image, else an entry of the metadata file or a
    `metadata.jsonl`, else a comment in the image.

    An image without any has the default caption, or its file's name less leading digits, `-` and `_`.
    """

    def __init__(self, folders: Sequence[str], options: Captions, default: str = "", metadata: str = "") -> None:
        """folders: a `metadata.jsonl` counts in these and between them and the image. metadata: of all images."""
        self._folders = {Path(folder).absolute() for folder in folders if folder}
        self._metadata = Path(metadata) if metadata else None
        self.options, self.default = options, default

    def source_of(self, image: Path) -> Path | None:
        """The file that the caption of `image` stands in, None if it has none; a caption file is not opened."""
        file = caption_file(image)
        if file.is_file():
            return file
        found = next(self._in_metadata(image), None)
        return found.source if found else self._of_comment(image).source

    def of(self, image: Path) -> Caption:
        """The caption of `image`. Raises UserError for a file that cannot be read, or is not text."""
        file = caption_file(image)
        if file.is_file():
            return _read(file)
        return next(self._in_metadata(image), None) or self._of_comment(image)

    def metadata_fault(self) -> str:
        """Why the metadata file of all images cannot be used; "" where it can, or there is none."""
        try:
            if self._metadata:
                metadata_of(self._metadata)
        except UserError as error:
            return str(error)
        return ""

    def _in_metadata(self, image: Path) -> Iterator[Caption]:
        path = image.absolute()
        root = next((folder for folder in path.parents if folder in self._folders), path.parent)
        found = caption_in_metadata_file(path, self._metadata, root) if self._metadata else None
        if found is not None:
            yield Caption(found, self._metadata)
        for folder in path.parents:
            text = caption_in_metadata(path, folder)
            if text is not None:
                yield Caption(text, folder / NAME)
            if folder == root:
                return

    def _of_comment(self, image: Path) -> Caption:
        comment = comment_in(image) if self.options.image_comments else ""
        if comment:
            return Caption(comment, image)
        return Caption(self.default or self._of_name(image.stem))

    def _of_name(self, stem: str) -> str:
        """As the WebUI's Train tab makes a caption of a file name."""
        text = _LEADING_NUMBERS.sub("", stem)
        if not self.options.name_regex:
            return text
        words = [match[1] if match.re.groups else match[0] for match in re.finditer(self.options.name_regex, text)]
        return self.options.name_join.join(filter(None, words))


def reader_of(concept: Concept, options: Captions) -> CaptionReader:
    """The captions of a concept's training images."""
    return CaptionReader([concept.folder], options, concept.default_caption, concept.metadata_file)


def class_reader_of(concept: Concept, options: Captions) -> CaptionReader:
    """The captions of a concept's class images, which may be its training images too."""
    return CaptionReader([concept.class_folder, concept.folder], options)


def prompt_for(template: str, caption: str) -> str:
    """`template` with each `[filewords]` replaced by the caption, which is one line.

    Without `[filewords]` the template is the prompt. If the caption is empty, the comma before `[filewords]` goes too.
    """
    if FILEWORDS not in template:
        return template
    return template.replace(FILEWORDS, caption) if caption else without_filewords(template)


def without_filewords(template: str) -> str:
    """`template` without `[filewords]` and the comma before it."""
    without = re.sub(rf"\s*,?\s*{re.escape(FILEWORDS)}", "", template)
    return without.strip(" ,")


def _read(file: Path) -> Caption:
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"The caption {file} cannot be read ({error.strerror}): fix or remove it.") from error
    decoded = decoded_text(data, file)
    return Caption(decoded.text, file, decoded.guessed)
