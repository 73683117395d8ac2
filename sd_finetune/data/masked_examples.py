"""The training examples with their masks, all of which are read once before training, and what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..counted import counted
from ..errors import UserError
from ..settings.options import Concept, Masks
from .concepts import Example
from .cropping import Size
from .masks import MaskFiles, read_mask
from .usable import size_of

LEAST_WHITE = 13
"""Of 255: a mask with nothing brighter says, at most, that next to nothing is learned."""
MOST_STRETCH = 1.02
"""Beyond, the proportions of a mask and its image differ by more than rounding."""
MOST_FAULTS = 10
"""Masks that cannot be used and are named."""
_THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class _Seen:
    """What a mask is like. brightest, darkest: of its gray values, 0 … 255."""

    mask: Path
    size: Size
    brightest: int
    darkest: int


def masked_examples(
    examples: Sequence[Example], concepts: Sequence[Concept], options: Masks
) -> tuple[list[Example], list[str]]:
    """The same examples, each with its mask if it has one, and warnings for the user.

    Raises:
        UserError: no image has the mask file that is asked for, or masks cannot be read or have nothing white; a line
            for each.
    """
    masks: dict[tuple[int, Path], Path] = {}
    warnings: list[str] = []
    faults: list[str] = []
    for index, concept in enumerate(concepts):
        name, files = f"Concept {index + 1}", MaskFiles(concept, options)
        images = list(dict.fromkeys(example.image for example in examples if example.concept == index))
        if options.source != "files":
            warnings += _unused(name, [file for image in images if (file := files.file_of(image))], images, options)
        if options.source != "none":
            seen = _look_at_all({image: mask for image in images if (mask := files.of(image))}, name, faults)
            warnings += [*_without(name, images, seen, options), *_stretched(name, seen)]
            masks |= {(index, image): mask.mask for image, mask in seen.items()}
    if faults:
        more = len(faults) - MOST_FAULTS
        rest = [f"{more:,} more masks cannot be used either."] if more > 0 else []
        raise UserError("\n".join([*faults[:MOST_FAULTS], *rest]))
    if options.source == "files" and not masks and examples:
        raise UserError(_no_masks(examples))
    return [replace(each, mask=masks.get((each.concept, each.image))) for each in examples], warnings


def _look_at_all(masks: Mapping[Path, Path], name: str, faults: list[str]) -> dict[Path, _Seen]:
    """What the masks are like, by their images; without those that leave everything in."""

    def look(pair: tuple[Path, Path]) -> _Seen | str:
        try:
            return _look_at(*pair)
        except UserError as error:
            return f"{name}: {error}"

    with ThreadPoolExecutor(_THREADS) as pool:
        found = dict(zip(masks, pool.map(look, masks.items()), strict=True))
    faults += [each for each in found.values() if isinstance(each, str)]
    return {
        image: each
        for image, each in found.items()
        if not isinstance(each, str) and not (each.mask == image and each.darkest == 255)
    }


def _look_at(image: Path, mask: Path) -> _Seen:
    gray = read_mask(image, mask)
    values = np.asarray(gray)
    darkest, brightest = int(values.min()), int(values.max())
    if brightest < LEAST_WHITE:
        what = "is transparent all over" if mask == image else f"is black all over (its brightest gray is {brightest})"
        way_out = "replace it" if mask == image else "paint white what is to be learned"
        raise UserError(f"{mask} {what}, so that nothing of {image.name} is learned: {way_out}, or remove the image.")
    return _Seen(mask, gray.size, brightest, darkest)


def _without(name: str, images: Sequence[Path], seen: Mapping[Path, _Seen], options: Masks) -> Iterator[str]:
    without = [image for image in images if image not in seen]
    if without and (seen or options.source == "alpha"):
        lacks = "transparent parts" if options.source == "alpha" else "mask"
        verb, them = ("has", "it") if len(without) == 1 else ("have", "them")
        share = f"{len(without):,} of {counted(len(images), 'image')}, such as {without[0].name},"
        yield f"{name}: {share} {verb} no {lacks}: the whole of {them} is learned."


def _stretched(name: str, seen: Mapping[Path, _Seen]) -> Iterator[str]:
    sizes = {image: size_of(image) for image in seen}
    found = [image for image, mask in seen.items() if _stretch(sizes[image], mask.size) > MOST_STRETCH]
    if found:
        (width, height), mask = sizes[found[0]], seen[found[0]]
        example = (
            f"{mask.mask.name} of {mask.size[0]:,} x {mask.size[1]:,} for an image of {width:,} x {height:,} pixels"
        )
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


def _no_masks(examples: Sequence[Example]) -> str:
    image = examples[0].image
    return (
        f'masks.source = "files", and no training image has a mask: save one beside each image, such as '
        f'{image.stem}.mask.png for {image.name}, or in the folder concepts.mask_folder, or set masks.source to "none".'
    )
