"""The training examples with their masks, all of which are read before training, and what is wrong with them.

The worker and the tab ask the same; the tab reads for a moment only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from ..counted import counted
from ..errors import UserError
from ..settings.options import Concept, Masks
from .concepts import Example
from .cropping import Size
from .file_state import kept_while_unchanged
from .first_faults import first_faults
from .images import has_alpha
from .masks import REMEMBERED, MaskFiles, read_mask
from .usable import size_of

LEAST_WHITE = 13
"""Of 255: a mask with nothing brighter says, at most, that next to nothing is learned."""
MOST_STRETCH = 1.02
"""Beyond, the proportions of a mask and its image differ by more than rounding."""
_THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class _Seen:
    """What a mask is like. size: of the mask, 0 by 0 for an image that has no alpha channel."""

    size: Size
    is_whole: bool = False
    """Whether all of the image is in it, as it is where nothing of the image is transparent."""


@dataclass
class _Note:
    """What is known of a mask: what it is like, or why it cannot be used; None before it is read."""

    found: _Seen | str | None = None


@dataclass
class FoundMasks:
    """What was found of a concept's masks.

    masks: of those images that have one. faults: a sentence for each that cannot be used. warnings: what else a user
    should know.
    """

    masks: dict[Path, Path] = field(default_factory=dict[Path, Path])
    faults: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])


def masked_examples(
    examples: Sequence[Example], concepts: Sequence[Concept], options: Masks
) -> tuple[list[Example], list[str]]:
    """The same examples, each with its mask if it has one, and warnings for the user.

    Raises:
        UserError: no image has the mask file that is asked for, or masks cannot be read or have nothing white; a line
            for each.
    """
    images = [
        list(dict.fromkeys(example.image for example in examples if example.concept == index))
        for index in range(len(concepts))
    ]
    found = find_masks(concepts, images, options)
    faults = [fault for each in found for fault in each.faults]
    if faults:
        raise UserError("\n".join(first_faults(faults, "mask")))
    if none := no_masks(images, found, options):
        raise UserError(none)
    masked = [replace(each, mask=found[each.concept].masks.get(each.image)) for each in examples]
    return masked, [warning for each in found for warning in each.warnings]


def find_masks(
    concepts: Sequence[Concept], images: Sequence[Sequence[Path]], options: Masks, seconds: float = float("inf")
) -> list[FoundMasks]:
    """The masks of each concept. images: of each, which can be read.

    seconds: how long the masks of a concept are read; the next call goes on with those that were not, which this one
    takes for usable.
    """
    pairs = enumerate(zip(concepts, images, strict=True), start=1)
    found = [_masks_of(f"Concept {number}", concept, own, options, seconds) for number, (concept, own) in pairs]
    if options.source == "alpha" or any(each.masks for each in found):
        for number, (each, own) in enumerate(zip(found, images, strict=True), start=1):
            each.warnings += _without(f"Concept {number}", own, each.masks, options)
    return found


def no_masks(images: Sequence[Sequence[Path]], found: Sequence[FoundMasks], options: Masks) -> str:
    """A sentence where mask files are asked for and no image has one, else "". images: of each concept."""
    image = next((own[0] for own in images if own), None)
    if options.source != "files" or image is None or any(each.masks or each.faults for each in found):
        return ""
    return (
        f'masks.source = "files", and no training image has a mask: save one beside each image, such as '
        f'{image.stem}.mask.png for {image.name}, or in the folder concepts.mask_folder, or set masks.source to "none".'
    )


def _masks_of(name: str, concept: Concept, images: Sequence[Path], options: Masks, seconds: float) -> FoundMasks:
    files, found = MaskFiles(concept, options), FoundMasks()
    if options.source != "files":
        found.warnings += _unused(name, [file for image in images if (file := files.file_of(image))], images, options)
    if options.source == "none":
        return found
    asked = {image: mask for image in images if (mask := image if options.source == "alpha" else files.file_of(image))}
    seen = _look_at_all(asked, seconds)
    found.faults = [f"{name}: {each}" for each in dict.fromkeys(seen.values()) if isinstance(each, str)]
    like = {image: each for image, each in seen.items() if isinstance(each, _Seen)}
    found.masks = {image: mask for image, mask in asked.items() if not (image in like and like[image].is_whole)}
    found.warnings += _stretched(name, {image: (asked[image], each.size) for image, each in like.items()})
    return found


def _look_at_all(masks: Mapping[Path, Path], seconds: float) -> dict[Path, _Seen | str]:
    """What the masks are like, or why they cannot be used, by their images; of those that there was time for."""
    notes = {image: _note_of(mask, is_alpha=mask == image) for image, mask in masks.items()}
    unread, end = [image for image, note in notes.items() if note.found is None], time.monotonic() + seconds

    def read(image: Path) -> None:
        if time.monotonic() < end:
            notes[image].found = _look_at(image, masks[image])

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(read, unread))
    return {image: note.found for image, note in notes.items() if note.found is not None}


def _note_of(mask: Path, is_alpha: bool) -> _Note:
    try:
        return _remembered(mask, is_alpha)
    except OSError as error:  # it is gone since it was listed
        return _Note(f"{mask} cannot be read ({error.strerror}).")


@kept_while_unchanged(REMEMBERED)
def _remembered(mask: Path, is_alpha: bool) -> _Note:  # pyright: ignore[reportUnusedParameter]
    """The note of a mask as it is now; is_alpha: of the alpha channel of an image."""
    return _Note()


def _look_at(image: Path, mask: Path) -> _Seen | str:
    is_alpha = mask == image
    try:
        if is_alpha and not has_alpha(image):
            return _Seen((0, 0), is_whole=True)
        gray = read_mask(image, mask)
    except UserError as error:
        return str(error)
    darkest, brightest = cast("tuple[int, int]", gray.getextrema())
    if brightest >= LEAST_WHITE:
        return _Seen(gray.size, is_whole=is_alpha and darkest == 255)
    what = "is transparent all over" if is_alpha else f"is black all over (its brightest gray is {brightest})"
    way_out = "replace it" if is_alpha else "paint white what is to be learned"
    return f"{mask} {what}, so that nothing of {image.name} is learned: {way_out}, or remove the image."


def _without(name: str, images: Sequence[Path], masks: Mapping[Path, Path], options: Masks) -> Iterator[str]:
    without = [image for image in images if image not in masks]
    if without:
        lacks = "transparent parts" if options.source == "alpha" else "mask"
        verb, them = ("has", "it") if len(without) == 1 else ("have", "them")
        share = f"{len(without):,} of {counted(len(images), 'image')}, such as {without[0].name},"
        yield f"{name}: {share} {verb} no {lacks}: the whole of {them} is learned."


def _stretched(name: str, seen: Mapping[Path, tuple[Path, Size]]) -> Iterator[str]:
    """seen: the mask of each image and its size."""
    sizes = {image: size_of(image) for image, (mask, _) in seen.items() if mask != image}
    found = [image for image, size in sizes.items() if _stretch(size, seen[image][1]) > MOST_STRETCH]
    if found:
        (width, height), (mask, (across, down)) = sizes[found[0]], seen[found[0]]
        example = f"{mask.name} of {across:,} x {down:,} for an image of {width:,} x {height:,} pixels"
        verb = "is" if len(found) == 1 else "are"
        masks = f"{counted(len(found), 'mask')} of other proportions than the image"
        yield f"{name}: {masks}, such as {example}, {verb} stretched to it."


def _stretch(image: Size, mask: Size) -> float:
    ratio = image[0] * mask[1] / (image[1] * mask[0])
    return max(ratio, 1 / ratio)


def _unused(name: str, files: Sequence[Path], images: Sequence[Path], options: Masks) -> Iterator[str]:
    if files:
        yield (
            f"{name}: the mask files of {len(files):,} of {counted(len(images), 'image')}, such as {files[0]}, are not "
            f'used, as masks.source is "{options.source}": set it to "files" to learn only what is white in them.'
        )
