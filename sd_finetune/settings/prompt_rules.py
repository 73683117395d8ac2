"""Prompts of the settings whose emphasis cannot be read."""

from __future__ import annotations

from collections.abc import Iterator

from .emphasis import EmphasisMode
from .faults import Broken
from .options import Settings
from .prompt_reading import class_image_reading, sample_reading, trained_reading
from .prompt_syntax import weight_fault

FILEWORDS = "[filewords]"


def weights(settings: Settings) -> Iterator[Broken]:
    """Weights that are no numbers, where emphasis is read."""
    for name, prompt, emphasis in _prompts(settings):
        fault = "" if emphasis == "none" else weight_fault(prompt)
        if fault:
            yield (name,), f"{name}: {fault}"


def _prompts(settings: Settings) -> Iterator[tuple[str, str, EmphasisMode]]:
    """The name of each one's option, and how its emphasis is read."""
    trained, generated = trained_reading(settings).emphasis, class_image_reading(settings).emphasis
    uses_prior, shown = settings.prior_weight() > 0, _shown(settings)
    for name, prompt in shown:
        yield name, prompt, trained
    of_ours = settings.textual_inversion.template if settings.has_templates() else ""
    if any(FILEWORDS in prompt for _, prompt in shown) or "filewords" in of_ours:
        for name in ("prefix", "suffix"):
            yield f"captions.{name}", getattr(settings.captions, name), trained
    for number, concept in enumerate(settings.concepts if uses_prior else (), start=1):
        yield f"concepts.{number}.class_prompt", concept.class_prompt, trained
    if uses_prior and settings.prior.has_images:
        yield "class_images.negative_prompt", settings.class_images.negative_prompt, generated
    samples = sample_reading(settings).emphasis
    for prompt in settings.samples.prompts:
        yield "samples.prompts", prompt, samples
    yield "samples.negative_prompt", settings.samples.negative_prompt, samples


def _shown(settings: Settings) -> list[tuple[str, str]]:
    """The prompts of training images that the settings have themselves, by the option's name."""
    if not settings.has_templates():
        prompts = enumerate((concept.instance_prompt for concept in settings.concepts), start=1)
        return [(f"concepts.{number}.instance_prompt", prompt) for number, prompt in prompts]
    own = settings.textual_inversion.own_templates if settings.textual_inversion.template == "own" else ()
    return [("textual_inversion.own_templates", template) for template in own]
