"""What is worth a second look before training: settings that can be trained with, but that often disappoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...data.captions import FILEWORDS, caption_file
from ...data.images import find_pictures
from ...data.prompt_templates import instance_sentences
from ...errors import UserError
from ...settings.options import Concept, Settings

FEW_PICTURES = 5
"""The DreamBooth paper (arXiv 2208.12242) teaches a subject from 3 to 5; fewer show one pose and one background."""
FULL_SIZE = 1_000_000_000
"""Bytes from which a checkpoint is Stable Diffusion's own size; smaller models learn at other rates."""
USUAL_RATES = {
    "lora": (1e-5, 1e-3),
    "dreambooth": (2e-7, 2e-5),
    "hypernetwork": (5e-7, 1e-4),
}
"""Of the UNet: ten times below and above what kohya's scripts, diffusers' guide and the WebUI's wiki train with."""
USUAL_WORD_RATES = (1e-4, 5e-2)


def cautions(settings: Settings) -> list[str]:
    """A sentence for each thing. Looks at file names only; a folder that is not there is a fault and told elsewhere."""
    found: list[str] = []
    for number, concept in enumerate(settings.concepts, start=1):
        found += _of_concept(f"Concept {number}", concept, settings)
    found += _of_rates(settings)
    if not settings.samples.prompts:
        found.append("Nothing will be drawn while training: add a prompt under Generate to see it learn.")
    return found


def _of_concept(name: str, concept: Concept, settings: Settings) -> Iterator[str]:
    pictures = _pictures(concept.folder)
    if 0 < len(pictures) < FEW_PICTURES:
        yield f"{name} has {_count(len(pictures))}: with {FEW_PICTURES} to 20 that differ it learns what they share."
    uncaptioned = [picture for picture in pictures if not caption_file(picture).is_file()]
    if uncaptioned and any(FILEWORDS in sentence for sentence in instance_sentences(settings, concept)):
        stand_in = "its file name stands in" if len(uncaptioned) == 1 else "their file names stand in"
        yield f"{name} has {_count(len(uncaptioned))} without a caption: {stand_in} for {FILEWORDS}."
    if settings.prior_weight() > 0 and settings.prior.source == "images" and FILEWORDS not in concept.class_prompt:
        own, wanted = len(_pictures(concept.class_folder)), concept.class_images or 10 * len(pictures)
        if concept.class_folder and own == 0 and wanted:
            yield f"{name} has no picture in {concept.class_folder}: all {wanted} class pictures are drawn."


def _of_rates(settings: Settings) -> Iterator[str]:
    if not settings.optimizer.name.startswith("adam") or not _is_full_size(settings.base.checkpoint):
        return
    if settings.learns_word():
        name, rate, usual = (
            "textual_inversion.learning_rate",
            settings.textual_inversion.learning_rate,
            USUAL_WORD_RATES,
        )
    else:
        name, rate, usual = "train.unet_learning_rate", settings.unet_learning_rate(), USUAL_RATES.get(settings.method)
    if usual and not usual[0] <= rate <= usual[1]:
        risk = "little is learned in time" if rate < usual[0] else "the model may break"
        yield f"{name} = {rate:g} is outside of the usual {usual[0]:g} to {usual[1]:g}: {risk}."


def _is_full_size(checkpoint: str) -> bool:
    return Path(checkpoint).is_file() and Path(checkpoint).stat().st_size >= FULL_SIZE


def _pictures(folder: str) -> list[Path]:
    try:
        return find_pictures(folder) if folder else []
    except UserError:
        return []


def _count(number: int) -> str:
    return "1 picture" if number == 1 else f"{number} pictures"
