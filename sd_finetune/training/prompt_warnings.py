"""Faults and warnings about prompts of which not all is used, or not as it seems."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ..counted import counted
from ..data.concepts import Example
from ..families.family import DiffusionModel
from ..families.prompts import chunks_of, cut_off, prompt_limit, refuse_clip_skip
from ..settings.groups.captions import MOST_TOKENS
from ..settings.options import Settings
from ..settings.prompt_reading import sample_reading, trained_reading

MOST_SHOWN = 200
"""Letters of what is cut off."""
_EMPHASIS = re.compile(r"\\[()\[\]]|\(+[^()]*:\s*[+-]?[.\d]+\s*\)|\bBREAK\b")
"""What nobody writes but for the WebUI; brackets alone are in many tags."""


def refuse_prompts(model: DiffusionModel, settings: Settings) -> None:
    """Raise UserError if the text encoder has too few layers, or a sample's prompt cannot be read."""
    reading = sample_reading(settings)
    refuse_clip_skip(model, reading.clip_skip, "train.clip_skip")
    for prompt in (*settings.samples.prompts, settings.samples.negative_prompt):
        chunks_of(model, prompt, reading)


def about_prompts(model: DiffusionModel, settings: Settings, examples: Sequence[Example]) -> Iterator[str]:
    """Sentences for each concept, of its training or of its class images."""
    for concept, role in dict.fromkeys((example.concept, example.role) for example in examples):
        own = [example for example in examples if (example.concept, example.role) == (concept, role)]
        images = {each.image.name: prompt for each in own for prompt in (each.prompt, *each.variants)}
        where = f"Concept {concept + 1}{', class images' if role == 'class' else ''}"
        yield from _about_long_ones(model, settings, images, where)
        yield from _about_emphasis(settings, images, where)


def _about_long_ones(
    model: DiffusionModel, settings: Settings, prompts: Mapping[str, str], where: str
) -> Iterator[str]:
    """prompts: by the image."""
    reading = trained_reading(settings)
    known = {prompt: cut_off(model, prompt, reading) for prompt in dict.fromkeys(prompts.values())}
    cut = {name: known[prompt] for name, prompt in prompts.items() if known[prompt]}
    if cut:
        first, rest = next(iter(cut.items()))
        lost = rest if len(rest) <= MOST_SHOWN else f"{rest[:MOST_SHOWN]}..."
        limit = prompt_limit(reading)
        problem = f"{where}: the prompts of {counted(len(cut), 'image')} are longer than {limit} tokens, and cut off"
        more = "Set captions.tokens higher, shorten them" if limit != MOST_TOKENS else "Shorten them"
        yield f'{problem}: "{lost}" of {first} is not used. {more}, or put what matters first.'


def _about_emphasis(settings: Settings, prompts: Mapping[str, str], where: str) -> Iterator[str]:
    if settings.captions.emphasis != "none":
        return
    marked = {name: found[0] for name, prompt in prompts.items() if (found := _EMPHASIS.search(prompt))}
    if marked:
        name, mark = next(iter(marked.items()))
        problem = f"{where}: the prompts of {counted(len(marked), 'image')} have emphasis as in the WebUI"
        yield (
            f'{problem}, like "{mark}" of {name}, which is trained as plain text, since captions.emphasis is "none": '
            'set that to "original", or remove it.'
        )
