"""Warnings about prompts that are longer than the text encoder takes, with what is cut off of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..counted import counted
from ..data.concepts import Example
from ..families.family import DiffusionModel
from ..families.prompts import cut_off, prompt_limit
from ..settings.options import Settings

MOST_SHOWN = 200
"""Letters of what is cut off."""


def about_long_prompts(model: DiffusionModel, examples: Sequence[Example]) -> Iterator[str]:
    """A sentence for each concept with prompts that are cut, of its training or of its class images."""
    for concept, role in dict.fromkeys((example.concept, example.role) for example in examples):
        own = [example for example in examples if (example.concept, example.role) == (concept, role)]
        images = {each.image.name: prompt for each in own for prompt in (each.prompt, *each.variants)}
        of_class = ", class images" if role == "class" else ""
        yield from _about(model, images, f"Concept {concept + 1}{of_class}: the prompts of", "image")


def about_long_sample_prompts(model: DiffusionModel, settings: Settings) -> Iterator[str]:
    """The same of `samples.prompts`."""
    prompts = {prompt: prompt for prompt in settings.samples.prompts}
    yield from _about(model, prompts, "samples.prompts:", "prompt")


def _about(model: DiffusionModel, prompts: dict[str, str], of: str, one: str) -> Iterator[str]:
    """prompts: by what they belong to."""
    known = {prompt: cut_off(model, prompt) for prompt in dict.fromkeys(prompts.values())}
    cut = {name: known[prompt] for name, prompt in prompts.items() if known[prompt]}
    if cut:
        first, rest = next(iter(cut.items()))
        verb = "is" if len(cut) == 1 and one == "prompt" else "are"
        example = f" of {first}" if one == "image" else ""
        lost = rest if len(rest) <= MOST_SHOWN else f"{rest[:MOST_SHOWN]}..."
        problem = f"{of} {counted(len(cut), one)} {verb} longer than {prompt_limit(model)} tokens, and cut off"
        yield f'{problem}: "{lost}"{example} is not used. Shorten them, or put what matters first.'
