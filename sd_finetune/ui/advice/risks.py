"""Settings that can be trained with, but that often disappoint: a warning for each, shown before training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ...data.captions import FILEWORDS, caption_file
from ...data.concepts import training_images, wanted_class_images
from ...data.prompt_templates import instance_templates
from ...data.usable import UsableImages, usable_images
from ...errors import UserError
from ...families.facts import FamilyFacts
from ...families.table import DEFAULT_FAMILY, FAMILIES
from ...settings.optimizers import OPTIMIZERS
from ...settings.options import Concept, Settings

FEW_IMAGES = 5
"""The DreamBooth paper (arXiv 2208.12242) teaches a subject from 3 to 5; fewer show one pose and one background."""
FULL_SIZE = 1_000_000_000
"""Bytes from which a checkpoint is Stable Diffusion's own size; smaller models learn at other learning rates."""
LOOK_SECONDS = 0.5
"""How long files of class images are read, as `data.usable.usable_images` has it."""
LEAST_RESOLUTION = 0.75
"""Of the resolution that a model was trained on, before the tab warns."""
USUAL_LEARNING_RATES = {
    "lora": (1e-5, 1e-3),
    "dreambooth": (2e-7, 2e-5),
    "hypernetwork": (5e-7, 1e-4),
}
"""Of the UNet: ten times below and above what kohya's scripts, diffusers' guide and the WebUI's wiki train with."""
USUAL_EMBEDDING_LEARNING_RATES = (1e-4, 5e-2)


def risks(settings: Settings) -> list[str]:
    """A sentence for each risk. Looks at file names only; a folder that is missing is a fault and told elsewhere."""
    found: list[str] = []
    for number, concept in enumerate(settings.concepts, start=1):
        found += _of_concept(f"Concept {number}", concept, settings)
    found += [*_of_learning_rate(settings), *_of_resolution(settings)]
    if not settings.samples.prompts:
        found.append("There are no sample prompts: add one under Generate to see the model learn.")
    return found


def _of_concept(name: str, concept: Concept, settings: Settings) -> Iterator[str]:
    images = _found(lambda: training_images(concept.folder, *_class_folders(concept, settings), LOOK_SECONDS))
    if 0 < len(images) < FEW_IMAGES:
        few = _count(len(images), "training image")
        yield f"{name} has {few}: use {FEW_IMAGES} to 20 that differ in pose, background and light."
    uncaptioned = [image for image in images if not caption_file(image).is_file()]
    if uncaptioned and any(FILEWORDS in template for template in instance_templates(settings, concept)):
        stand_in = "its file name replaces" if len(uncaptioned) == 1 else "their file names replace"
        yield f"{name} has {_count(len(uncaptioned), 'image')} without a caption: {stand_in} {FILEWORDS}."
    if settings.prior_weight() > 0 and settings.prior.source == "images" and FILEWORDS not in concept.class_prompt:
        yield from _of_class_images(name, concept, len(images))


def _of_class_images(name: str, concept: Concept, training_images: int) -> Iterator[str]:
    """That class images are generated beside the user's own, which not everybody expects."""
    if not concept.class_folder:
        return
    own = len(_found(lambda: usable_images(concept.class_folder, "class", seconds=LOOK_SECONDS)))
    wanted = wanted_class_images(concept, training_images, own)
    if own == 0 and wanted:
        yield f"{name} has no images in {concept.class_folder}: all {wanted:,} class images will be generated."
    elif own < wanted:
        yield (
            f"{name} has {_count(own, 'class image')} in {concept.class_folder}, so that {wanted - own:,} more will be "
            f"generated for a number of {wanted:,}: set the number to 0 to train with yours alone."
        )


def _of_learning_rate(settings: Settings) -> Iterator[str]:
    optimizer = OPTIMIZERS[settings.optimizer.name]
    if optimizer.learning_rate == "multiplier" or not _is_full_size(settings.base.checkpoint):
        return
    if settings.learns_word():
        name, rate = "textual_inversion.learning_rate", settings.textual_inversion.learning_rate
        usual = USUAL_EMBEDDING_LEARNING_RATES
    else:
        name, rate = "train.unet_learning_rate", settings.unet_learning_rate()
        usual = USUAL_LEARNING_RATES.get(settings.method)
    usual = usual and tuple(bound * optimizer.learning_rate_share for bound in usual)
    if usual and not usual[0] <= rate <= usual[1]:
        risk = "the model may learn too little" if rate < usual[0] else "training may diverge"
        yield f"{name} = {rate:g} is outside the usual range from {usual[0]:g} to {usual[1]:g}: {risk}."


def _of_resolution(settings: Settings, family: FamilyFacts = FAMILIES[DEFAULT_FAMILY]) -> Iterator[str]:
    side, native = settings.data.resolution, family.native_resolution
    if side < LEAST_RESOLUTION * native and _is_full_size(settings.base.checkpoint):
        yield (
            f"data.resolution = {side} is far below the {native} pixels that {family.title} was trained on, so that "
            f"its images may lose detail: use {native}."
        )


def _is_full_size(checkpoint: str) -> bool:
    return Path(checkpoint).is_file() and Path(checkpoint).stat().st_size >= FULL_SIZE


def _class_folders(concept: Concept, settings: Settings) -> tuple[str, list[str]]:
    return concept.class_folder, [other.class_folder for other in settings.concepts]


def _found(look: Callable[[], UsableImages]) -> list[Path]:
    try:
        return look().images
    except UserError:
        return []


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
