"""What a person should know of the new word and its prompts before a run of textual inversion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from ..data.captions import FILEWORDS
from ..data.concepts import Example
from ..errors import UserError
from ..families.parts import ModelParts, uses_new_word, word_tokens
from ..networks.new_words import NewWords
from ..settings.options import PLACES, Settings


def word_warnings(parts: ModelParts, settings: Settings, examples: Sequence[Example]) -> list[str]:
    """Warnings about the new word and the prompts of the instance pictures; none where another method is at work.

    Raises:
        UserError: no picture is shown under the new word.
    """
    if not settings.learns_word():
        return []
    prompts = _prompts_of(examples)
    lacking = _lacking(parts, settings, prompts)
    if len(lacking) == len(prompts):
        raise UserError(
            f'No prompt has room for the new word "{settings.new_word()}" or names it (the first is "{prompts[0]}"): '
            f"{_way_out(parts, settings, lacking)}."
        )
    return [*_about_prompts(parts, settings, prompts, "prompts"), *_about_names(parts, settings)]


def class_word_warnings(parts: ModelParts, settings: Settings, examples: Sequence[Example]) -> list[str]:
    """The same about the prompts of the class pictures, which keep the word in its class only where they name it."""
    if not settings.learns_word():
        return []
    return list(_about_prompts(parts, settings, _prompts_of(examples), "prompts of class pictures"))


def _prompts_of(examples: Sequence[Example]) -> list[str]:
    return list(dict.fromkeys(prompt for e in examples for prompt in (e.prompt, *e.variants)))


def _lacking(parts: ModelParts, settings: Settings, prompts: Sequence[str]) -> list[str]:
    """The prompts without the word: they do not name it, or its vectors do not fit into them."""
    vectors = torch.zeros(settings.textual_inversion.vectors, parts.text_encoder.config.hidden_size)
    words = NewWords(parts, [(settings.new_word(), vectors)])
    words.attach()
    try:
        return [prompt for prompt in prompts if not uses_new_word(parts, prompt)]
    finally:
        words.detach()


def _about_prompts(parts: ModelParts, settings: Settings, prompts: Sequence[str], called: str) -> Iterator[str]:
    lacking = _lacking(parts, settings, prompts)
    if lacking:
        yield (
            f'{len(lacking)} of {len(prompts)} {called}, such as "{lacking[0]}", lack the new word '
            f'"{settings.new_word()}" and teach it nothing: {_way_out(parts, settings, lacking)}.'
        )


def _way_out(parts: ModelParts, settings: Settings, lacking: Sequence[str]) -> str:
    word = settings.new_word().lower()
    before = [prompt.lower().partition(word)[0] for prompt in lacking if word in prompt.lower()]
    room = PLACES - max((len(word_tokens(parts, text)) for text in before), default=0)
    vectors = settings.textual_inversion.vectors
    if before and 0 < room < vectors:
        return f"its {vectors} vectors do not fit, set textual_inversion.vectors = {room} or less"
    return "write it into the captions, or choose another textual_inversion.template"


def _about_names(parts: ModelParts, settings: Settings) -> Iterator[str]:
    asked = settings.textual_inversion
    tokens = len(word_tokens(parts, asked.initial_text))
    if tokens > asked.vectors and not settings.base.continue_from:
        yield (
            f'textual_inversion.initial_text = "{asked.initial_text}" is {tokens} tokens long and the word starts with '
            f"the first {asked.vectors}: set textual_inversion.vectors = {tokens} to start with all."
        )
    if asked.sentences and asked.template != "own":
        yield (
            f'textual_inversion.sentences are not used, as textual_inversion.template is "{asked.template}": '
            'choose "own" there to use them.'
        )
    word, name = settings.new_word(), settings.output.name
    if word.lower() != name.lower():
        yield f'The WebUI calls a word by its file\'s name: there it will be "{name}" and not "{word}".'
    template = asked.template
    unused = [c.instance_prompt for c in settings.concepts if c.instance_prompt != FILEWORDS]
    if template != "instance_prompt" and unused:
        yield (
            f'instance_prompt = "{unused[0]}" is not used, as textual_inversion.template is "{template}": '
            'choose "instance_prompt" there to use it.'
        )
