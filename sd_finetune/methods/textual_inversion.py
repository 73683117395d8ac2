"""Textual inversion: the vectors of one or several new words, and nothing else (arXiv 2208.01618)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from torch import Tensor, nn

from ..counted import counted
from ..data.captions import FILEWORDS
from ..data.concepts import Example
from ..errors import UserError
from ..families.family import DiffusionModel
from ..families.prompts import chunks_of, new_words_in, word_tokens
from ..formats.checkpoint import Checkpoint
from ..formats.embedding import read_embedding, write_embedding
from ..formats.other_embeddings import embeddings_in, in_the_way, is_named_after
from ..networks.new_words import NewWords, Vectors, embedding_vectors, initial_vectors
from ..optimizers.parameter_group import ParameterGroup
from ..settings.groups.captions import CHUNK_TOKENS
from ..settings.learned_words import OF_RUN, LearnedWord, learned_words, unused_options
from ..settings.options import Settings
from ..settings.prompt_reading import trained_reading
from .method import Method, copy_into, weight_format


class TextualInversionMethod(Method):
    """Trains `NewWords`, all at once; the model itself is frozen."""

    def __init__(self, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        self.settings = settings
        learned = learned_words(settings)
        for word in learned:
            _refuse_known_word(model, word)
        starts = [_initial_vectors(model, word) for word in learned]
        self.steps_before = [steps for _, steps in starts]
        self.words = NewWords(model, [(word.word, vectors) for word, (vectors, _) in zip(learned, starts, strict=True)])
        self.networks: Mapping[str, nn.Module] = self.words.by_part
        self._names = model.family.facts.embedding_names
        self.words.to(model.text_encoder.device, weight_format(settings))
        self.words.attach()

    @classmethod
    def check(cls, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        cls(model, settings, base).detach()

    @classmethod
    def instance_warnings(cls, model: DiffusionModel, settings: Settings, examples: Sequence[Example]) -> list[str]:
        """About the new words and the prompts that should contain them.

        Raises:
            UserError: no prompt contains one of the new words.
        """
        prompts = _prompts_of(examples)
        shown = _words_in(model, settings, prompts)
        for number, word in enumerate(learned_words(settings)):
            if not any(number in found for found in shown):
                raise UserError(
                    f'No prompt contains the new word "{word.word}" or has room for its vectors (the first is '
                    f'"{prompts[0]}"): {_way_out(model, settings, word, prompts)}.'
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
        vectors = [own for of_part in self.words.by_part.values() for own in of_part]
        return [ParameterGroup("embedding", vectors, self.settings.rates("embedding").first)]

    def trained_tensors(self) -> dict[str, Tensor]:
        """What is not the first word's or not for the first text encoder is named after its number or its part."""
        first = next(iter(self.words.by_part))
        return {
            f"embedding{f'.{number + 1}' if number else ''}{f'.{part}' if part != first else ''}.vectors": own
            for part, vectors in self.words.by_part.items()
            for number, own in enumerate(vectors)
        }

    def load_trained_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        copy_into(self.trained_tensors(), tensors)

    def write(self, path: Path, metadata: Mapping[str, str], precision: str, number: int = 0) -> None:
        vectors = {self._names[part]: own for part, own in self.words.of_word(number).items()}
        write_embedding(path, vectors, metadata, precision, self.steps_before[number])

    def detach(self) -> None:
        self.words.detach()

    def untrained(self) -> AbstractContextManager[None]:
        return self.words.detached()


def _refuse_known_word(model: DiffusionModel, word: LearnedWord) -> None:
    """Raise UserError for a word of the model's vocabulary, which prompts could not use any more."""
    if len(word_tokens(model, word.word)) == 1:
        option = "textual_inversion.word (or output.name, if it is empty)" if word.place == OF_RUN else word.option
        raise UserError(
            f'"{word.word}" is in the vocabulary of the model: set {option} to a new word, like "{word.word}-new".'
        )


def _initial_vectors(model: DiffusionModel, word: LearnedWord) -> tuple[Vectors, int]:
    """The vectors and their steps so far: of the file to continue from, or of the initial text."""
    option, file = word.continue_option, word.continue_from
    if not file:
        return initial_vectors(model, word.initial_text, word.vectors), 0
    vectors, found = embedding_vectors(model, Path(file)), read_embedding(Path(file))
    if found.count > CHUNK_TOKENS:
        raise UserError(
            f"{option} = {file} has {counted(found.count, 'vector')}, but a prompt has room for "
            f"{CHUNK_TOKENS}: continue from another embedding."
        )
    if found.count != word.vectors:
        raise UserError(
            f"{option} = {file} has {counted(found.count, 'vector')}, but {word.place}.vectors is "
            f"{word.vectors}: set {word.place}.vectors = {found.count} to continue from it."
        )
    return vectors, found.step or 0


def _prompts_of(examples: Sequence[Example]) -> list[str]:
    return list(dict.fromkeys(prompt for e in examples for prompt in (e.prompt, *e.variants)))


def _words_in(model: DiffusionModel, settings: Settings, prompts: Sequence[str]) -> list[set[int]]:
    """Which of the new words, from 0, each prompt contains and has room for."""
    words = NewWords(model, [(word.word, initial_vectors(model, "", word.vectors)) for word in learned_words(settings)])
    words.attach()
    try:
        return [new_words_in(model, prompt, trained_reading(settings)) for prompt in prompts]
    finally:
        words.detach()


def _about_prompts(model: DiffusionModel, settings: Settings, prompts: Sequence[str], called: str) -> Iterator[str]:
    shown = _words_in(model, settings, prompts)
    without = [prompt for prompt, found in zip(prompts, shown, strict=True) if not found]
    if not without:
        return
    first, *others = learned_words(settings)
    told = f'the new word "{first.word}"' if not others else "any of the new words"
    yield (
        f'{len(without)} of {len(prompts)} {called}, such as "{without[0]}", do not contain {told} '
        f"and train nothing: {_way_out(model, settings, first, without)}."
    )


def _way_out(model: DiffusionModel, settings: Settings, learned: LearnedWord, without: Sequence[str]) -> str:
    word, vectors = learned.word.lower(), learned.vectors
    before = [prompt.lower().partition(word)[0] for prompt in without if word in prompt.lower()]
    room = min((_room_behind(model, settings, text) for text in before), default=0)
    if before and 0 < room < vectors:
        return f"its {vectors} vectors do not fit, set {learned.place}.vectors = {room} or less"
    return "add it to the captions, or choose another textual_inversion.template"


def _room_behind(model: DiffusionModel, settings: Settings, text: str) -> int:
    """For so many vectors behind a text, in its last chunk or a further one."""
    reading = trained_reading(settings)
    chunks = chunks_of(model, text, reading)
    return chunks[-1].room() if len(chunks) == reading.chunks else CHUNK_TOKENS


def _about_names(model: DiffusionModel, settings: Settings) -> Iterator[str]:
    options, words = settings.textual_inversion, learned_words(settings)
    for word in words:
        tokens = len(word_tokens(model, word.initial_text))
        if tokens > word.vectors and not word.continue_from:
            yield (
                f'{word.place}.initial_text = "{word.initial_text}" is {tokens} tokens long, of which the first '
                f"{word.vectors} are used: set {word.place}.vectors = {tokens} to use all."
            )
    if options.own_templates and options.template != "own":
        yield (
            f'textual_inversion.own_templates is not used, as textual_inversion.template is "{options.template}": '
            'set that to "own" to use it.'
        )
    for word in words:
        if word.word.lower() != word.file.lower():
            yield (
                f'The WebUI uses the file name of an embedding as the word: there it is "{word.file}", not '
                f'"{word.word}".'
            )
    yield from unused_options(settings)
    there = embeddings_in(Path(settings.output.folder) if settings.output.folder else None)
    for word in words:
        yield from in_the_way(word, {path: name for path, name in there.items() if not is_named_after(name, word)})
    template = options.template
    unused = [c.instance_prompt for c in settings.concepts if c.instance_prompt != FILEWORDS]
    if template != "instance_prompt" and unused:
        yield (
            f'instance_prompt = "{unused[0]}" is not used, as textual_inversion.template is "{template}": '
            'set that to "instance_prompt" to use it.'
        )
