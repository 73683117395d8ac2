"""The images of a run beside those that it trains: class images of the user's own, and what is evaluated on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..data.concepts import no_class_images, no_images, own_class_images, training_images, wanted_class_images
from ..data.held_out import evaluation_concept
from ..data.image_cache import notes_in
from ..data.usable import Look, UsableImages
from ..errors import UserError
from ..settings.options import Concept, Settings
from .concept_images import LOOK_SECONDS


@dataclass(frozen=True)
class OtherImages:
    """Images of one folder. option: its name. concept: that they are used as. fault: "" where they can be."""

    option: str
    concept: Concept
    is_class: bool
    images: UsableImages
    fault: str = ""


def other_images(settings: Settings, counts: list[int]) -> list[OtherImages]:
    """Those of all folders that the settings use. counts: how many training images each concept has."""
    look = Look(LOOK_SECONDS, notes_in(settings.data.cache_folder))
    return [*_of_classes(settings, counts, look), *_of_evaluation(settings, look)]


def _of_classes(settings: Settings, counts: list[int], look: Look) -> Iterator[OtherImages]:
    if settings.prior_weight() == 0:
        return
    for number, (concept, count) in enumerate(zip(settings.concepts, counts, strict=True), start=1):
        option, found, fault = f"concepts.{number}.class_folder", UsableImages(), ""
        if not concept.class_folder:
            continue
        try:
            found = own_class_images(concept, look)
            wanted = wanted_class_images(concept, count, len(found.images))
            fault = no_class_images(concept, min(wanted, len(found.images))) if settings.prior.has_images else ""
        except UserError as error:
            fault = str(error)
        yield OtherImages(option, concept, True, found, fault)


def _of_evaluation(settings: Settings, look: Look) -> Iterator[OtherImages]:
    concept, found, fault = evaluation_concept(settings), UsableImages(), ""
    if concept is None:
        return
    try:
        found = training_images(concept.folder, "", look=look)
        fault = "" if found.images else no_images(concept.folder, found)
    except UserError as error:
        fault = str(error)
    option = "evaluation.folder"
    yield OtherImages(option, concept, False, found, fault and f"{option}: {fault}")
