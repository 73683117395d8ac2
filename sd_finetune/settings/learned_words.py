"""The new words of Textual Inversion, or of a LoRA with words: the run's own, and those that concepts name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .faults import Broken
from .options import Concept, Settings

_PIECE = re.compile(r"[^\W\d_]+|\d|(?:[^\w\s]|_)+")


@dataclass(frozen=True)
class LearnedWord:
    """One new word.

    option: that it stands in. place: the group of the options about it, OF_RUN or as "concepts.2".
    file: name of its embedding's file, without an ending. initial_text, vectors: what it starts from, and how many it
    has. continue_from: the embedding, or the LoRA with the word in it, that it continues from, "" for none.
    """

    word: str
    option: str
    place: str
    file: str
    initial_text: str
    vectors: int
    continue_from: str

    @property
    def continue_option(self) -> str:
        """The full name of the option `continue_from`."""
        return f"{'base' if self.place == OF_RUN else self.place}.continue_from"

    @property
    def file_option(self) -> str:
        """The full name of the option that `file` stands in."""
        return "output.name" if self.place == OF_RUN else f"{self.place}.word_file"


OF_RUN = "textual_inversion"


def word_of(settings: Settings, concept: Concept) -> str:
    """The new word that stands for [name] in the prompts of a concept."""
    return concept.word if _has_own(settings, concept) else settings.new_word()


def _has_own(settings: Settings, concept: Concept) -> bool:
    return concept.word.casefold() not in ("", settings.new_word().casefold())


def learned_words(settings: Settings) -> tuple[LearnedWord, ...]:
    """All new words in the order of the concepts, each once: those that have none of their own share the run's."""
    found: dict[str, LearnedWord] = {}
    for number, concept in enumerate(settings.concepts or (Concept(),), start=1):
        word = _of_concept(settings, number, concept) if _has_own(settings, concept) else _of_run(settings)
        found.setdefault(word.word.casefold(), word)
    return tuple(found.values())


def _of_run(settings: Settings) -> LearnedWord:
    own = settings.textual_inversion
    option = f"{OF_RUN}.word" if own.word else "output.name"
    start = (own.initial_text, own.vectors, settings.base.continue_from)
    return LearnedWord(settings.new_word(), option, OF_RUN, settings.output.name, *start)


def _of_concept(settings: Settings, number: int, concept: Concept) -> LearnedWord:
    """What concepts with the same word leave open is taken from the first of them that says it."""
    same = [each for each in settings.concepts if each.word.casefold() == concept.word.casefold()]
    default, place = settings.textual_inversion, f"concepts.{number}"
    return LearnedWord(
        concept.word,
        f"{place}.word",
        place,
        next((each.word_file for each in same if each.word_file), concept.word),
        next((each.initial_text for each in same if each.initial_text), default.initial_text),
        next((each.vectors for each in same if each.vectors is not None), default.vectors),
        next((each.continue_from for each in same if each.continue_from), ""),
    )


def pieces(word: str) -> tuple[str, ...]:
    """What the tokenizer never joins: runs of letters, single digits, runs of signs; case does not count."""
    return tuple(_PIECE.findall(word.casefold()))


def begins_with(word: str, other: str) -> bool:
    """Whether the WebUI finds the word `other` where `word` stands, unless `word` is an embedding too."""
    beginning = pieces(other)
    return bool(beginning) and pieces(word)[: len(beginning)] == beginning


def word_rules(settings: Settings) -> Iterator[Broken]:
    """What keeps the words from being told apart, or from being used."""
    words = learned_words(settings)
    for word in words:
        if not all(letter.isalnum() or letter in " ._-" for letter in word.word) or not any(
            map(str.isalnum, word.word)
        ):
            way_out = f", or set {OF_RUN}.word" if word.option == "output.name" else ""
            sentence = f'{word.option} = "{word.word}" is not valid as a new word: use only letters, digits, spaces'
            yield (word.option,), f"{sentence} and ._-{way_out}."
    yield from _alike(words)
    yield from _contradictions(settings)
    yield from _continued_for_nobody(settings, words)


def _alike(words: Sequence[LearnedWord]) -> Iterator[Broken]:
    for number, word in enumerate(words):
        for other in words[:number]:
            if pieces(word.word) == pieces(other.word):
                sentence = (
                    f'{word.option} = "{word.word}" and {other.option} = "{other.word}" are read as the same word'
                )
                yield (word.option, other.option), f"{sentence}: write both the same, or use another one."
            elif word.file.casefold() == other.file.casefold():
                sentence = f'"{word.word}" and "{other.word}" would both be saved as "{word.file}"'
                yield (word.file_option,), f"{word.file_option}: {sentence}: choose another name for one of them."


def _contradictions(settings: Settings) -> Iterator[Broken]:
    """Two concepts that say of one word what cannot both be."""
    for number, concept in enumerate(settings.concepts, start=1):
        for earlier, other in enumerate(settings.concepts[: number - 1], start=1):
            if not concept.word or concept.word.casefold() != other.word.casefold():
                continue
            for name in ("word_file", "initial_text", "vectors", "continue_from"):
                one, another = getattr(other, name), getattr(concept, name)
                if one not in ("", None) and another not in ("", None) and one != another:
                    option = f"concepts.{number}.{name}"
                    sentence = f'{option} = {another} is not concepts.{earlier}.{name} = {one}, and both are about "'
                    yield (option,), f'{sentence}{concept.word}": leave it out in one of them.'


def _continued_for_nobody(settings: Settings, words: Sequence[LearnedWord]) -> Iterator[Broken]:
    if settings.has_words_beside():
        return  # then it is for the layers
    option, own = "base.continue_from", "concepts.1.continue_from"
    if settings.base.continue_from and all(word.place != OF_RUN for word in words):
        yield (option,), f"{option} is for the run's word, and every concept has a word of its own: set {own} instead."


def unused_options(settings: Settings) -> Iterator[str]:
    """A sentence for each option that is about a word which is not learned."""
    word = settings.textual_inversion.word
    if word and all(each.place != OF_RUN for each in learned_words(settings)):
        yield f'{OF_RUN}.word = "{word}" is not used, as every concept has a word of its own.'
    for number, concept in enumerate(settings.concepts, start=1):
        if _has_own(settings, concept):
            continue
        for name, of_run in _OF_RUN_BY_NAME.items():
            if getattr(concept, name) not in ("", None):
                yield (
                    f"concepts.{number}.{name} is not used, as the concept has no word of its own: set "
                    f"concepts.{number}.word, or {of_run} instead."
                )


_OF_RUN_BY_NAME = {
    "word_file": "output.name",
    "initial_text": f"{OF_RUN}.initial_text",
    "vectors": f"{OF_RUN}.vectors",
    "continue_from": "base.continue_from",
}
