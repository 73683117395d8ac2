"""Settings that can be trained with, but that often disappoint: a warning for each, shown before training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ...counted import counted
from ...data.caption_warnings import shared_captions, without_captions
from ...data.captions import FILEWORDS, reader_of
from ...data.concepts import own_class_images, wanted_class_images
from ...data.image_cache import notes_in
from ...data.importing.kohya_folder import misread_names
from ...data.overlaps import of_class_images, of_evaluation, of_training_images
from ...data.prompt_templates import instance_templates
from ...data.usable import Look, UsableImages
from ...errors import UserError
from ...formats.known_base import base_of
from ...formats.prediction import doubt_by_name
from ...reading.diffusers_folder import files_of_model, is_model
from ...settings.methods import RATE_OPTIONS, rate_of
from ...settings.optimizers import OPTIMIZERS
from ...settings.options import Concept, Settings

Risk = tuple[str, str]
"""The option that it is about by its full name, as "concepts.1.folder", and a sentence."""

FEW_IMAGES = 5
"""The DreamBooth paper (arXiv 2208.12242) teaches a subject from 3 to 5; fewer show one pose and one background."""
FULL_SIZE = 1_000_000_000
"""Bytes from which a checkpoint is Stable Diffusion's own size; smaller models learn at other learning rates."""
LOOK_SECONDS = 0.5
"""How long files are read, as `data.usable.Look` has it."""
LEAST_RESOLUTION = 0.75
"""Of the resolution that a model was trained on, before the tab warns."""
USUAL_LEARNING_RATES = {
    "lora": (1e-5, 1e-3),
    "dreambooth": (2e-7, 2e-5),
    "hypernetwork": (5e-7, 1e-4),
}
"""Of the UNet: ten times below and above what kohya's scripts, diffusers' guide and the WebUI's wiki train with."""
USUAL_EMBEDDING_LEARNING_RATES = (1e-4, 5e-2)


def risks(settings: Settings, images: Sequence[list[Path]]) -> list[Risk]:
    """Each risk. images: the training images of each concept, where none are is a fault and told elsewhere."""
    found: list[Risk] = []
    for number, (concept, own) in enumerate(zip(settings.concepts, images, strict=True), start=1):
        found += [(f"concepts.{number}.{option}", risk) for option, risk in _of_concept(number, concept, own, settings)]
    found += [
        *of_training_images(settings.concepts),
        *of_evaluation(settings.concepts, settings.evaluation.used_folder()),
    ]
    if settings.prior_weight() > 0 and settings.prior.has_images:
        found += of_class_images(settings.concepts)
    found += [*_of_base(settings), *_of_learning_rate(settings), *_of_resolution(settings)]
    if not settings.samples.prompts:
        found.append(("samples.prompts", "There are no sample prompts: add one to see what is learned."))
    return found


def _of_base(settings: Settings) -> Iterator[Risk]:
    config = Path(settings.base.config) if settings.base.config else None
    doubt = doubt_by_name(Path(settings.base.checkpoint), config)
    if doubt:
        yield "base.checkpoint", doubt


def _of_concept(number: int, concept: Concept, images: list[Path], settings: Settings) -> Iterator[Risk]:
    name = f"Concept {number}"
    if 0 < len(images) < FEW_IMAGES:
        few = counted(len(images), "training image")
        yield "folder", f"{name} has {few}: use {FEW_IMAGES} to 20 that differ in pose, background and light."
    for sentence in misread_names(name, concept.folder, images):
        yield "folder", sentence
    if any(FILEWORDS in template for template in instance_templates(settings, concept)):
        yield from _of_captions(name, concept, images, settings)
    if settings.prior_weight() > 0 and settings.prior.has_images and FILEWORDS not in concept.class_prompt:
        yield from _of_class_images(name, concept, len(images), settings)


def _of_captions(name: str, concept: Concept, images: list[Path], settings: Settings) -> Iterator[Risk]:
    reader = reader_of(concept, settings.captions)
    try:
        sources = {image: reader.source_of(image) for image in images}
    except UserError:  # a broken metadata file, which is told as a fault
        return
    uncaptioned = [image for image, source in sources.items() if source is None]
    if uncaptioned:
        yield "folder", without_captions(name, uncaptioned, concept.default_caption)
    for sentence in shared_captions(name, sources):
        yield "folder", sentence


def count_class_images(concept: Concept, settings: Settings) -> int:
    """How many class images of the user's own a concept has."""
    return len(_found(lambda: own_class_images(concept, _look(settings))))


def _look(settings: Settings) -> Look:
    return Look(LOOK_SECONDS, notes_in(settings.data.cache_folder))


def _of_class_images(name: str, concept: Concept, training_images: int, settings: Settings) -> Iterator[Risk]:
    """That class images are generated beside the user's own, which not everybody expects."""
    if not concept.class_folder:
        return
    own = count_class_images(concept, settings)
    wanted = wanted_class_images(concept, training_images, own)
    if own == 0 and wanted:
        problem = f"{name} has no images in {concept.class_folder}"
        yield "class_folder", f"{problem}: all {wanted:,} class images will be generated."
    elif own < wanted:
        problem = f"{name} has {counted(own, 'class image')} in {concept.class_folder}"
        more = f"{wanted - own:,} more will be generated for a number of {wanted:,}"
        yield "class_images", f"{problem}, so that {more}: set the number to auto to train with yours alone."


def _of_learning_rate(settings: Settings) -> Iterator[Risk]:
    optimizer = OPTIMIZERS[settings.optimizer.name]
    if optimizer.multiplies or not _is_full_size(settings.base.checkpoint):
        return
    usual = {"unet": USUAL_LEARNING_RATES.get(settings.method)}
    usual["embedding"] = USUAL_EMBEDDING_LEARNING_RATES if settings.learns_word() else None
    for part, bounds in usual.items():
        if bounds is None:
            continue
        fact = rate_of(part)
        name, rate = RATE_OPTIONS[fact], max(settings.rates(part).all())
        least, most = (bound * settings.rate_share(fact) for bound in bounds)
        if not least <= rate <= most:
            risk = "the model may learn too little" if rate < least else "training may diverge"
            yield name, f"{name} = {rate:g} is outside the usual range from {least:g} to {most:g}: {risk}."


def _of_resolution(settings: Settings) -> Iterator[Risk]:
    side, base = settings.data.side, base_of(settings)
    if base and side < LEAST_RESOLUTION * base.native_side:
        yield (
            "data.resolution",
            f"data.resolution = {side} is far below the {base.native_side} pixels that {base.family.title} was trained "
            f"on, so that its images may lose detail: use {base.native_side}.",
        )


def _is_full_size(checkpoint: str) -> bool:
    path = Path(checkpoint)
    return is_model(path) and sum(file.stat().st_size for file in files_of_model(path)) >= FULL_SIZE


def _found(look: Callable[[], UsableImages]) -> list[Path]:
    try:
        return look().images
    except UserError:
        return []
