"""Textual inversion: the vectors of one new word, and nothing else (arXiv 2208.01618)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor, nn

from ..counted import counted
from ..data.captions import FILEWORDS
from ..data.concepts import Example
from ..errors import UserError
from ..families.family import DiffusionModel
from ..families.prompts import uses_new_word, word_tokens
from ..formats.checkpoint import Checkpoint
from ..formats.embedding import read_embedding, write_embedding
from ..networks.new_words import NewWords, embedding_vectors, initial_vectors
from ..optimizers.parameter_group import ParameterGroup
from ..settings.groups.textual_inversion import PROMPT_TOKENS
from ..settings.options import Settings
from .method import Method, copy_into, weight_format


class TextualInversionMethod(Method):
    """Trains one word of `NewWords`; the model itself is frozen."""

    def __init__(self, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        self.settings = settings
        word = settings.new_word()
        _refuse_known_word(model, word)
        vectors, self.steps_before = _initial_vectors(model, settings)
        self.words = NewWords(model, [(word, vectors)])
        self.networks: Mapping[str, nn.Module] = {"text_encoder": self.words}
        self.words.to(model.text_encoder.device, weight_format(settings))
        self.words.attach()

    @property
    def _vectors(self) -> nn.Parameter:
        return self.words.vectors[0]

    @classmethod
    def check(cls, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        cls(model, settings, base).detach()

    @classmethod
    def instance_warnings(cls, model: DiffusionModel, settings: Settings, examples: Sequence[Example]) -> list[str]:
        """About the new word and the prompts that should contain it.

        Raises:
            UserError: no prompt contains the new word.
        """
        prompts = _prompts_of(examples)
        without = _without_word(model, settings, prompts)
        if len(without) == len(prompts):
            raise UserError(
                f'No prompt contains the new word "{settings.new_word()}" or has room for its vectors (the first is '
                f'"{prompts[0]}"): {_way_out(model, settings, without)}.'
            )
        return [*_about_prompts(model, settings, prompts, "prompts"), *_about_names(model, settings)]

    @classmethod
    def class_warnings(cls, model: DiffusionModel, settings: Settings, examples: Sequence[Example]) -> list[str]:
        """Class images keep the word in its class only if their prompts contain it."""
        return list(_about_prompts(model, settings, _prompts_of(examples), "prompts of class images"))

    @classmethod
    def ending(cls, settings: Settings) -> str:
        return f".{settings.textual_inversion.format}"

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup("embedding", [self._vectors], self.settings.textual_inversion.learning_rate.first)]

    def trained_tensors(self) -> dict[str, Tensor]:
        return {"embedding.vectors": self._vectors}

    def load_trained_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        copy_into(self.trained_tensors(), tensors)

    def write(self, path: Path, metadata: Mapping[str, str], precision: str) -> None:
        write_embedding(path, self._vectors, metadata, precision, self.steps_before)

    def detach(self) -> None:
        self.words.detach()

    def untrained(self) -> AbstractContextManager[None]:
        return self.words.detached()


def _refuse_known_word(model: DiffusionModel, word: str) -> None:
    """Raise UserError for a word of the model's vocabulary, which prompts could not use any more."""
    if len(word_tokens(model, word)) == 1:
        raise UserError(
            f'"{word}" is in the vocabulary of the model: set textual_inversion.word (or output.name, if it is empty) '
            f'to a new word, like "{word}-new".'
        )


def _initial_vectors(model: DiffusionModel, settings: Settings) -> tuple[Tensor, int]:
    """The vectors, (vectors, width), and their steps so far: of the file to continue from, or of the initial text."""
    options, file = settings.textual_inversion, settings.base.continue_from
    if not file:
        return initial_vectors(model, options.initial_text, options.vectors), 0
    vectors = embedding_vectors(model, Path(file))
    if len(vectors) > PROMPT_TOKENS:
        raise UserError(
            f"base.continue_from = {file} has {counted(len(vectors), 'vector')}, but a prompt has room for "
            f"{PROMPT_TOKENS}: continue from another embedding."
        )
    if len(vectors) != options.vectors:
        raise UserError(
            f"base.continue_from = {file} has {counted(len(vectors), 'vector')}, but textual_inversion.vectors is "
            f"{options.vectors}: set textual_inversion.vectors = {len(vectors)} to continue from it."
        )
    return vectors, read_embedding(Path(file)).step or 0


def _prompts_of(examples: Sequence[Example]) -> list[str]:
    return list(dict.fromkeys(prompt for e in examples for prompt in (e.prompt, *e.variants)))


def _without_word(model: DiffusionModel, settings: Settings, prompts: Sequence[str]) -> list[str]:
    """The prompts without the word: they do not contain it, or have no room for its vectors."""
    vectors = torch.zeros(settings.textual_inversion.vectors, model.text_encoder.config.hidden_size)
    words = NewWords(model, [(settings.new_word(), vectors)])
    words.attach()
    try:
        return [prompt for prompt in prompts if not uses_new_word(model, prompt)]
    finally:
        words.detach()


def _about_prompts(model: DiffusionModel, settings: Settings, prompts: Sequence[str], called: str) -> Iterator[str]:
    without = _without_word(model, settings, prompts)
    if without:
        yield (
            f'{len(without)} of {len(prompts)} {called}, such as "{without[0]}", do not contain the new word '
            f'"{settings.new_word()}" and train nothing: {_way_out(model, settings, without)}.'
        )


def _way_out(model: DiffusionModel, settings: Settings, without: Sequence[str]) -> str:
    word = settings.new_word().lower()
    before = [prompt.lower().partition(word)[0] for prompt in without if word in prompt.lower()]
    room = PROMPT_TOKENS - max((len(word_tokens(model, text)) for text in before), default=0)
    vectors = settings.textual_inversion.vectors
    if before and 0 < room < vectors:
        return f"its {vectors} vectors do not fit, set textual_inversion.vectors = {room} or less"
    return "add it to the captions, or choose another textual_inversion.template"


def _about_names(model: DiffusionModel, settings: Settings) -> Iterator[str]:
    options = settings.textual_inversion
    tokens = len(word_tokens(model, options.initial_text))
    if tokens > options.vectors and not settings.base.continue_from:
        yield (
            f'textual_inversion.initial_text = "{options.initial_text}" is {tokens} tokens long, of which the first '
            f"{options.vectors} are used: set textual_inversion.vectors = {tokens} to use all."
        )
    if options.own_templates and options.template != "own":
        yield (
            f'textual_inversion.own_templates is not used, as textual_inversion.template is "{options.template}": '
            'set that to "own" to use it.'
        )
    word, name = settings.new_word(), settings.output.name
    if word.lower() != name.lower():
        yield f'The WebUI uses the file name of an embedding as the word: there it is "{name}", not "{word}".'
    template = options.template
    unused = [c.instance_prompt for c in settings.concepts if c.instance_prompt != FILEWORDS]
    if template != "instance_prompt" and unused:
        yield (
            f'instance_prompt = "{unused[0]}" is not used, as textual_inversion.template is "{template}": '
            'set that to "instance_prompt" to use it.'
        )
