"""Images that are not trained, so that the evaluation loss tells what was learned beyond the training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from ..settings.options import Concept, Settings
from .concepts import Example

T = TypeVar("T")


def held_out(images: Sequence[T], share: float) -> list[T]:
    """A share of a concept's images, evenly spread: at least one, but of a single image none."""
    return [images[place] for place in _places(len(images), share)]


def trained(images: Sequence[T], share: float) -> list[T]:
    """The others."""
    kept_back = set(_places(len(images), share))
    return [image for place, image in enumerate(images) if place not in kept_back]


def _places(images: int, share: float) -> list[int]:
    if not share or images < 2:
        return []
    count = min(max(1, int(share * images)), images - 1)
    return [(2 * k + 1) * images // (2 * count) for k in range(count)]


def evaluation_concept(settings: Settings) -> Concept | None:
    """What stands for the images of the folder that is evaluated on: the first concept with these; None without one."""
    folder = settings.evaluation.used_folder()
    if not (folder and settings.concepts):
        return None
    return replace(
        settings.concepts[0], folder=folder, class_folder="", mask_folder="", metadata_file="", exclude=(), repeats=1
    )


def split_examples(examples: Sequence[Example], share: float) -> tuple[list[Example], list[Example]]:
    """Those that are trained, and those whose image is held out of its concept."""
    images: dict[int, dict[object, None]] = {}
    for example in examples:
        images.setdefault(example.concept, {})[example.image] = None
    kept_back = {(concept, image) for concept, own in images.items() for image in held_out(list(own), share)}
    own = [example for example in examples if (example.concept, example.image) not in kept_back]
    return own, [example for example in examples if (example.concept, example.image) in kept_back]
