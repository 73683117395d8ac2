"""What a person should know of the new word and its prompts before a run of textual inversion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..data.captions import FILEWORDS
from ..data.concepts import Example
from ..errors import UserError
from ..models.parts import ModelParts, uses_new_word
from ..settings.options import Settings


def word_warnings(parts: ModelParts, settings: Settings, examples: Sequence[Example]) -> list[str]:
    """Warnings of a run whose new word is attached to `parts`; none where another method is at work.

    Raises:
        UserError: no picture is shown under the new word.
    """
    if settings.method != "textual_inversion":
        return []
    return [*_about_prompts(parts, settings, examples), *_about_names(settings)]


def _about_prompts(parts: ModelParts, settings: Settings, examples: Sequence[Example]) -> Iterator[str]:
    prompts = list(dict.fromkeys(prompt for e in examples for prompt in (e.prompt, *e.variants)))
    lacking = [prompt for prompt in prompts if not uses_new_word(parts, prompt)]
    word = settings.new_word()
    if len(lacking) == len(prompts):
        raise UserError(
            f'No prompt has the new word "{word}" among its first 75 tokens (the first is "{prompts[0]}"): write it '
            "into the captions, or choose another textual_inversion.template."
        )
    if lacking:
        yield f'{len(lacking)} of {len(prompts)} prompts, such as "{lacking[0]}", lack the new word "{word}".'


def _about_names(settings: Settings) -> Iterator[str]:
    word, name = settings.new_word(), settings.output.name
    if word.lower() != name.lower():
        yield f'The WebUI calls a word by its file\'s name: there it will be "{name}" and not "{word}".'
    template = settings.textual_inversion.template
    unused = [c.instance_prompt for c in settings.concepts if c.instance_prompt != FILEWORDS]
    if template != "instance_prompt" and unused:
        yield (
            f'instance_prompt = "{unused[0]}" is not used, as textual_inversion.template is "{template}": '
            'choose "instance_prompt" there to use it.'
        )
