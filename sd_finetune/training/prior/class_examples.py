"""The class images of a run with their prompts; missing ones are generated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ...data.concepts import Example, class_examples
from ...data.cropping import Size
from ...data.prompt_templates import class_templates
from ...families.family import DiffusionModel
from ...formats.checkpoint import Checkpoint
from ...runs.messages import Event, Warning_
from ...sampling.generate import BringBack
from ...settings.methods import METHODS
from ...settings.options import Concept, Settings
from ..device import Accelerator
from ..out_of_vram import phase_of_vram
from ..phases import look_of, telling
from ..processes.processes import ALONE, Processes
from .class_images import (
    ClassImageCache,
    Missing,
    cache_folder,
    cache_of,
    class_image_sizes,
    class_images_of,
    images_for_prior_predictions,
)
from .drawing import generate_class_images


def class_examples_of(
    runs: Path,
    settings: Settings,
    base: Checkpoint,
    model: DiffusionModel,
    instances: list[Example],
    accelerator: Accelerator,
    emit: Callable[[Event], None],
    check: Callable[[], None],
    bring_back: BringBack,
    processes: Processes = ALONE,
) -> list[Example]:
    """The class examples of all concepts; missing images are generated, before anything is attached to the model.

    runs, check, bring_back, processes: as in `complete_class_images`.
    """
    if settings.prior_weight() == 0:
        return []
    if settings.prior.has_images:
        found = complete_class_images(
            runs, settings, base, model, instances, accelerator, emit, check, bring_back, processes
        )
    else:
        found = _images_for_prior_predictions(runs, settings, instances, emit)
    templates = [class_templates(settings, concept) for concept in settings.concepts]
    shown_as = None
    if METHODS[settings.method].learns_word:  # else the word without a caption would be learned of class images alone
        shown_as = [[e for e in instances if e.concept == number] for number in range(len(settings.concepts))]
    examples, warnings = class_examples(settings.concepts, found, settings.captions, templates, shown_as)
    for warning in warnings:
        emit(Warning_(message=warning))
    return examples


def _images_for_prior_predictions(
    runs: Path, settings: Settings, instances: list[Example], emit: Callable[[Event], None]
) -> list[list[Path]]:
    """For each concept the images on whose noisy latents prior predictions are made."""
    found, look = list[list[Path]](), look_of(settings, runs, emit)
    for number, concept in enumerate(settings.concepts):
        own = list(dict.fromkeys(e.image for e in instances if e.concept == number))
        found.append(images_for_prior_predictions(concept, own, _warner(number, emit), look))
    return found


def complete_class_images(
    runs: Path,
    settings: Settings,
    base: Checkpoint,
    model: DiffusionModel,
    instances: list[Example],
    accelerator: Accelerator,
    emit: Callable[[Event], None],
    check: Callable[[], None],
    bring_back: BringBack,
    processes: Processes = ALONE,
) -> list[list[Path]]:
    """The class images of each concept; missing ones are generated with `model`, to which nothing is attached yet.

    runs: the folder of the run folders; generated images are kept beside them unless the settings have a folder.
    check: as in `generate_images`. bring_back: called for each part of the model while images are generated.
    processes: those that share this.
    """
    cache = cache_folder(runs, settings)
    found, used, look = list[list[Path]](), Counter[Path](), look_of(settings, runs, emit)
    for number, concept in enumerate(settings.concepts):
        images = {e.image for e in instances if e.concept == number}

        def cache_for(size: Size, prompt: str = concept.class_prompt) -> ClassImageCache:
            return cache_of(cache, base, prompt, settings, accelerator.device, size)

        def generate(missing: list[Missing], concept: Concept = concept) -> None:
            report, done = telling("generating class images", emit), 0
            total = sum(len(each.numbers) for each in missing)
            own = [Missing(own_cache, list(processes.share(numbers))) for own_cache, numbers in missing]
            report = _of_all(report, sum(len(each.numbers) for each in own))
            with phase_of_vram("class images"):
                for own_cache, numbers in own:
                    reported = partial(_report_beyond, report, done, total)
                    generate_class_images(
                        model, concept, settings, numbers, own_cache, accelerator, reported, check, bring_back
                    )
                    done += len(numbers)
            processes.wait()

        sizes = class_image_sizes(settings, images)
        how = cache_for, generate, _warner(number, emit), look, processes.of_first
        found.append(class_images_of(concept, len(images), sizes, *how, used))
    return found


def _of_all(report: Callable[[int, int], None], own: int) -> Callable[[int, int], None]:
    """Report images of `own`, the share of one process, as if all processes had done as much."""
    return lambda done, total: report(done * total // max(own, 1), total)


def _report_beyond(report: Callable[[int, int], None], before: int, total: int, done: int, _: int) -> None:
    """Report images of one size as a part of all."""
    report(before + done, total)


def _warner(number: int, emit: Callable[[Event], None]) -> Callable[[str], None]:
    """Emits warnings about the concept `number`, counted from 0."""
    return lambda sentence: emit(Warning_(message=f"Concept {number + 1}: {sentence}"))
