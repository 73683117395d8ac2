"""Folders of concepts that have images in common, which are then trained as two things."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path

from ..settings.options import Concept

Overlap = tuple[str, str]
"""The option that it is about by its full name, as "concepts.2.folder", and a sentence."""


def of_training_images(concepts: Sequence[Concept]) -> Iterator[Overlap]:
    """About each two concepts of which one has the other's folder, or one that lies in it."""
    for one, other in permutations(range(1, len(concepts) + 1), 2):
        own, inner = concepts[one - 1].folder, concepts[other - 1].folder
        same = _is_in(inner, own) and _is_in(own, inner)
        if same and one < other:
            problem = f"Concepts {one} and {other} have the same folder, {inner}"
            way_out = "so that each image is trained under the prompts of both: use two folders, or one concept"
            yield f"concepts.{other}.folder", f"{problem}, {way_out}."
        elif not same and _is_in(inner, own):
            problem = f"The folder of concept {other}, {inner}, lies in that of concept {one}, {own}"
            yield f"concepts.{one}.folder", f"{problem}, which trains its images too: move one of them."


def of_class_images(concepts: Sequence[Concept]) -> Iterator[Overlap]:
    """About each class folder with the training images of another concept."""
    for one, other in permutations(range(1, len(concepts) + 1), 2):
        own, inner = concepts[one - 1].class_folder, concepts[other - 1].folder
        if _is_in(inner, own):
            problem = (
                f"The class images of concept {one}, {own}, have the training images of concept {other} among them"
            )
            yield f"concepts.{one}.class_folder", f"{problem}, which are then learned as the class: use another folder."


def of_evaluation(concepts: Sequence[Concept], folder: str) -> Iterator[Overlap]:
    """About each concept whose training images lie in the folder of those that are only to be evaluated on."""
    for number, concept in enumerate(concepts, start=1):
        if _is_in(concept.folder, folder):
            problem = f"The images to evaluate on, {folder}, have the training images of concept {number} among them"
            way_out = "of which the evaluation loss falls when they are learned by heart: use another folder"
            yield "evaluation.folder", f"{problem}, {way_out}."


def _is_in(folder: str, outer: str) -> bool:
    inner, around = _real(folder), _real(outer)
    return inner is not None and around is not None and around in (inner, *inner.parents)


def _real(folder: str) -> Path | None:
    try:
        return Path(folder).resolve() if folder else None
    except (OSError, ValueError, RuntimeError):  # no name that a folder can have, or a link to itself
        return None
