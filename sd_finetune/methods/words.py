"""New words as the settings ask for them: what a run trains, what it starts from, and what to say of its prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from torch import Tensor

from ..data.captions import FILEWORDS
from ..data.concepts import Example
from ..errors import UserError
from ..families.family import DiffusionModel
from ..families.prompts import word_tokens
from ..families.word_use import known_word_fault, unused_word_fault, unused_words, way_out, words_in
from ..formats.bundled_words import read_bundled
from ..formats.embedding import Embedding, read_embedding
from ..formats.fit.words import continued_in, is_in_lora
from ..formats.other_embeddings import embeddings_in, in_the_way, is_named_after
from ..networks.new_words import NewWords, Vectors, fitting_vectors, initial_vectors
from ..optimizers.parameter_group import ParameterGroup
from ..settings.learned_words import OF_RUN, LearnedWord, learned_words, unused_options
from ..settings.methods import METHODS
from ..settings.options import Settings
from .method import weight_format

ANYTHING = "*"
"""The initialization text where none is given, as in the WebUI."""
LOOK_SECONDS = 5.0
"""How long images in the folder of results are looked through for embeddings."""


class TrainedWords:
    """The new words of a run, all trained at once; attached with `network`."""

    def __init__(self, model: DiffusionModel, settings: Settings) -> None:
        self._settings, self._names = settings, model.family.facts.embedding_names
        self.learned = learned_words(settings)
        for word in self.learned:
            if fault := known_word_fault(word, partial(word_tokens, model)):
                raise UserError(fault)
        starts = [_initial_vectors(model, word, settings) for word in self.learned]
        self.steps_before = [steps for _, steps in starts]
        """Of each word, in earlier runs."""
        vectors = [(word.word, own) for word, (own, _) in zip(self.learned, starts, strict=True)]
        self.network = NewWords(model, vectors)
        self.network.to(model.text_encoder.device, weight_format(settings))

    def parameter_group(self) -> ParameterGroup:
        """The vectors of all words."""
        vectors = [own for of_part in self.network.by_part.values() for own in of_part]
        return ParameterGroup("embedding", vectors, self._settings.rates("embedding").first)

    def trained_tensors(self) -> dict[str, Tensor]:
        """What is not the first word's or not for the first text encoder is named after its number or its part."""
        first = next(iter(self.network.by_part))
        return {
            f"embedding{f'.{number + 1}' if number else ''}{f'.{part}' if part != first else ''}.vectors": own
            for part, vectors in self.network.by_part.items()
            for number, own in enumerate(vectors)
        }

    def for_file(self, number: int) -> dict[str, Tensor]:
        """The vectors of a word, from 0, by their names in a file."""
        return {self._names[part]: own for part, own in self.network.of_word(number).items()}

    def bundled(self) -> Mapping[str, Mapping[str, Tensor]]:
        """The same of all words, by word."""
        return {word.word: self.for_file(number) for number, word in enumerate(self.learned)}


def about_words(model: DiffusionModel, settings: Settings, examples: Sequence[Example]) -> list[str]:
    """Warnings about the new words and the prompts that should contain them.

    Raises:
        UserError: no prompt contains one of the new words.
    """
    tokens_of = partial(word_tokens, model)
    unused, read = unused_words(settings, _prompts_of(examples), tokens_of)
    if unused:
        raise UserError("\n".join(unused_word_fault(settings, word, read, tokens_of) for word in unused))
    return [*about_prompts(model, settings, examples, "prompts"), *_about_names(model, settings)]


def about_prompts(model: DiffusionModel, settings: Settings, examples: Sequence[Example], called: str) -> Iterator[str]:
    """A warning where prompts contain no new word. called: the prompts, in messages."""
    prompts, tokens_of = _prompts_of(examples), partial(word_tokens, model)
    shown = words_in(settings, prompts, tokens_of)
    without = [prompt for prompt, found in zip(prompts, shown, strict=True) if not found]
    if not without:
        return
    first, *others = learned_words(settings)
    told = f'the new word "{first.word}"' if not others else "any of the new words"
    lost = "do not train it" if settings.has_words_beside() else "train nothing"
    yield (
        f'{len(without)} of {len(prompts)} {called}, such as "{without[0]}", do not contain {told} '
        f"and {lost}: {way_out(settings, first, without, tokens_of)}."
    )


def _initial_vectors(model: DiffusionModel, word: LearnedWord, settings: Settings) -> tuple[Vectors, int]:
    """The vectors and their steps so far: of the file to continue from, or of the initial text."""
    _, file = continued_in(word, settings)
    embedding = _earlier(word, file, settings) if file else None
    if embedding is None:
        return initial_vectors(model, word.initial_text, word.vectors), 0
    return fitting_vectors(model, file, embedding), embedding.step or 0


def _earlier(word: LearnedWord, file: str, settings: Settings) -> Embedding | None:
    """The word as it was trained before: an embedding, or in a LoRA, if it is there."""
    if not is_in_lora(file, settings):
        return read_embedding(Path(file))
    found = read_bundled(Path(file)).items()
    return next((own for name, own in found if name.casefold() == word.word.casefold()), None)


def lost_words(settings: Settings) -> Iterator[str]:
    """Warnings where a LoRA that the run continues from has other new words than the run trains."""
    file = settings.base.continue_from
    if not file:
        return
    trained = learned_words(settings) if settings.has_words_beside() else ()
    there = {word.casefold(): word for word in read_bundled(Path(file))}
    for word in trained:
        if continued_in(word, settings)[1] == file and word.word.casefold() not in there:
            yield (
                f'base.continue_from = {file} does not have the new word "{word.word}" in it, which starts anew, from '
                f"{word.place}.initial_text: to go on with an embedding of it, {_way_to_its_file(word)}."
            )
    for name, written in there.items():
        if name not in {each.word.casefold() for each in trained}:
            yield (
                f'base.continue_from = {file} has the new word "{written}" in it, which is neither trained on nor '
                f'kept: set lora.new_words = "bundled" and {OF_RUN}.word = "{written}" to go on with it.'
            )


def _way_to_its_file(word: LearnedWord) -> str:
    """How a LoRA's new word is told which embedding to start from: only words of concepts can be."""
    if word.place != OF_RUN:
        return f"set {word.continue_option} to its file"
    return f"make it concepts.1.word instead of {word.option}, and set concepts.1.continue_from to its file"


def _prompts_of(examples: Sequence[Example]) -> list[str]:
    return list(dict.fromkeys(prompt for e in examples for prompt in (e.prompt, *e.variants)))


def _about_names(model: DiffusionModel, settings: Settings) -> Iterator[str]:
    words = learned_words(settings)
    for word in words:
        tokens = len(word_tokens(model, word.initial_text))
        if tokens > word.vectors and not word.continue_from:
            yield (
                f'{word.place}.initial_text = "{word.initial_text}" is {tokens} tokens long, of which the first '
                f"{word.vectors} are used: set {word.place}.vectors = {tokens} to use all."
            )
        if settings.has_words_beside() and word.initial_text == ANYTHING and not word.continue_from:
            yield (
                f'{word.place}.initial_text = "{ANYTHING}" starts the word from nothing that is like it: write a '
                'trigger word and the class, like "sks dog", with a vector for each token.'
            )
    has_files = METHODS[settings.method].learns_word or settings.has_embeddings_beside()
    for word in words if has_files else ():
        if word.word.lower() != word.file.lower():
            yield (
                f'The WebUI uses the file name of an embedding as the word: there it is "{word.file}", not '
                f'"{word.word}".'
            )
    yield from unused_options(settings)
    output = settings.output
    folder = output.embeddings_folder if settings.has_words_beside() else output.folder
    there = embeddings_in(Path(folder) if folder else None, LOOK_SECONDS)
    for word in words:
        yield from in_the_way(word, {path: name for path, name in there.items() if not is_named_after(name, word)})
    yield from _about_templates(settings) if METHODS[settings.method].learns_word else ()


def _about_templates(settings: Settings) -> Iterator[str]:
    options = settings.textual_inversion
    if options.own_templates and options.template != "own":
        yield (
            f'textual_inversion.own_templates is not used, as textual_inversion.template is "{options.template}": '
            'set that to "own" to use it.'
        )
    unused = [c.instance_prompt for c in settings.concepts if c.instance_prompt != FILEWORDS]
    if options.template != "instance_prompt" and unused:
        yield (
            f'instance_prompt = "{unused[0]}" is not used, as textual_inversion.template is "{options.template}": '
            'set that to "instance_prompt" to use it.'
        )
