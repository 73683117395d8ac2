"""The class pictures and captions of a run, drawn where they are missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from accelerate import Accelerator

from ...data.concepts import Example, class_examples
from ...data.prompt_templates import class_sentences
from ...families.family import DiffusionModel
from ...formats.checkpoint import Checkpoint
from ...runs.messages import Event, Phase, Warning_
from ...settings.options import Settings
from .class_images import cache_folder_of, class_pictures, draw_class_images, pictures_to_ask_about, wanted_class_images


def class_examples_of(
    runs: Path,
    settings: Settings,
    base: Checkpoint,
    model: DiffusionModel,
    instances: list[Example],
    accelerator: Accelerator,
    tell: Callable[[Event], None],
) -> list[Example]:
    """The class examples of all concepts; missing pictures are drawn, before anything is attached to the model.

    runs: as in `complete_class_pictures`.
    """
    if settings.prior_weight() == 0:
        return []
    if settings.prior.source == "model":
        found = _pictures_to_ask_about(settings, instances, tell)
    else:
        found = complete_class_pictures(runs, settings, base, model, instances, accelerator, tell)
    return class_examples(settings.concepts, found, [class_sentences(settings, c) for c in settings.concepts])


def _pictures_to_ask_about(
    settings: Settings, instances: list[Example], tell: Callable[[Event], None]
) -> list[list[Path]]:
    """For each concept the pictures for whose noisy latents the untrained model is asked."""
    found: list[list[Path]] = []
    for number, concept in enumerate(settings.concepts):
        own = list(dict.fromkeys(e.picture for e in instances if e.concept == number))
        pictures, warnings = pictures_to_ask_about(concept, wanted_class_images(concept, len(own)), own)
        for message in warnings:
            tell(Warning_(message=message))
        found.append(pictures)
    return found


def complete_class_pictures(
    runs: Path,
    settings: Settings,
    base: Checkpoint,
    model: DiffusionModel,
    instances: list[Example],
    accelerator: Accelerator,
    tell: Callable[[Event], None],
) -> list[list[Path]]:
    """The class pictures of each concept; what is missing is drawn with `model`, to which nothing is attached yet.

    runs: where the run folders are, beside which the drawn pictures are kept unless the settings name a folder.
    """
    cache = Path(settings.class_images.cache_folder or runs / "class-images")
    found: list[list[Path]] = []
    for number, concept in enumerate(settings.concepts):
        pictures = len({e.picture for e in instances if e.concept == number})
        folder = cache_folder_of(cache, base, concept.class_prompt, settings)

        def draw(numbers: list[int], paths: list[Path], concept=concept) -> None:  # type: ignore[no-untyped-def]
            def report(done: int, total: int) -> None:
                tell(Phase(name="class images", done=done, total=total))

            draw_class_images(model, concept, settings, numbers, paths, accelerator.autocast, report)

        shown, warnings = class_pictures(concept, wanted_class_images(concept, pictures), folder, draw)
        for message in warnings:
            tell(Warning_(message=message))
        found.append(shown)
    return found
