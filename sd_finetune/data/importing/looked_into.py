"""A folder of kohya's scripts and what is in it: the images and captions that they train, and what else is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...counted import counted
from ...readable import is_unicode
from ...runs.atomic import is_file
from ...settings.options import Captions
from ..captions import CaptionReader
from ..folder import list_folder
from ..metadata_json import caption_in_metadata_file
from ..stray_captions import ENDINGS, may_be_caption

MOST_EXCLUDED = 500
"""Images that are named in `exclude`; of more only the number is told."""


@dataclass(frozen=True)
class Subset:
    """words: the prompt of images without a caption. is_class: regularization images.

    metadata: a file with the captions of the images, "" without one. masks: the folder of their masks, if any.
    caption_ending: that of their caption files where it is said, as ".txt".
    """

    folder: Path
    repeats: int
    words: str
    is_class: bool = False
    metadata: str = ""
    masks: Path | None = None
    caption_ending: str = ""


@dataclass(frozen=True)
class Seen:
    """A subset whose folder was looked into.

    captioned: how many of its images have a caption. exclude: names of images that kohya's scripts do not train. notes:
    what is otherwise here.
    """

    subset: Subset
    images: int
    captioned: int
    exclude: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


def look_into(subset: Subset) -> Seen:
    """Raises UserError: the folder or the metadata file cannot be read."""
    listed = list_folder(subset.folder, "class" if subset.is_class else "training").images
    reader = CaptionReader([str(subset.folder)], Captions(), metadata=subset.metadata)
    others = _others(subset, listed)
    images = listed if subset.is_class else sorted(set(listed) - set(others))
    sources = {image: reader.source_of(image) for image in images}
    seen = Seen(subset, len(images), sum(source is not None for source in sources.values()))
    if others and not images:
        seen.notes.append(f"{subset.folder} has images in folders inside it alone, which kohya's scripts do not read.")
    elif others:
        names = [image.relative_to(subset.folder).as_posix() for image in others]
        if not subset.is_class and len(names) <= MOST_EXCLUDED:
            seen.exclude.extend(filter(is_unicode, names))
        seen.notes.append(_of_others(subset, len(names), bool(seen.exclude)))
    if images and not subset.is_class:
        seen.notes.extend(_of_captions(subset, sources))
        seen.notes.extend(_of_no_captions(subset, [image for image in images if sources[image] is None], reader))
    return seen


def _others(subset: Subset, images: Sequence[Path]) -> list[Path]:
    """Images that kohya's scripts leave out: in folders of the folder; with metadata, those that it does not name."""
    if not subset.metadata:
        return [image for image in images if image.parent != subset.folder]
    others = [image for image in images if not _is_in_metadata(subset, image)]
    return others if len(others) < len(images) else []  # a file for other images is told wherever it is used


def _is_in_metadata(subset: Subset, image: Path) -> bool:
    return caption_in_metadata_file(image, Path(subset.metadata), subset.folder.absolute()) is not None


def _of_others(subset: Subset, count: int, are_excluded: bool) -> str:
    which = f"that {subset.metadata} does not name" if subset.metadata else "in folders inside it"
    counted_images = f"{subset.folder}: {counted(count, 'image')} {which}"
    verb = "is" if count == 1 else "are"
    if are_excluded:
        return f"{counted_images} {verb} excluded, as kohya's scripts do not train {'it' if count == 1 else 'them'}."
    use = "used as class images" if subset.is_class else "trained"
    return f"{counted_images} {verb} {use} here and not in kohya's scripts: move what is not to be."


def _of_captions(subset: Subset, sources: dict[Path, Path | None]) -> Iterator[str]:
    """sources: where the caption of each image stands."""
    beside = {image: source for image, source in sources.items() if source and may_be_caption(source)}
    if subset.metadata:
        if both := [image for image in beside if _is_in_metadata(subset, image)]:
            yield (
                f"{subset.folder}: {counted(len(both), 'image')}, such as {both[0].name}, {_have(both)} a caption file "
                f"beside what {subset.metadata} says, which counts here and not in kohya's scripts: remove what is not "
                "to be trained."
            )
        return
    if ending := subset.caption_ending:
        theirs = {image: image.with_name(image.name[: -len(image.suffix) or None] + ending) for image in sources}
        unread = [file for file in theirs.values() if ending not in ENDINGS and is_file(file)]
        if unread:
            yield (
                f"{subset.folder}: {counted(len(unread), 'caption')} with the ending {ending}, such as "
                f"{unread[0].name}, {'is' if len(unread) == 1 else 'are'} not read here: rename to .txt."
            )
        if others := [source for image, source in beside.items() if source != theirs[image]]:
            yield (
                f"{subset.folder}: {counted(len(others), 'image')} {_have(others)} a caption file that does not end in "
                f"{ending}, such as {others[0].name}, which counts here and not in kohya's scripts: remove what is not "
                "to be trained."
            )


def _of_no_captions(subset: Subset, images: Sequence[Path], reader: CaptionReader) -> Iterator[str]:
    names = {} if subset.words else {image: reader.of(image).line for image in images}
    shown = [image for image, line in names.items() if line]
    if shown:
        yield (
            f"{subset.folder}: {counted(len(shown), 'image')} without a caption, such as {shown[0].name}, "
            f'{_have(shown)} no words either: the file name is the prompt here ("{names[shown[0]][:60]}"), and nothing '
            "in kohya's scripts."
        )


def _have(counted_ones: Sequence[Path]) -> str:
    return "has" if len(counted_ones) == 1 else "have"
