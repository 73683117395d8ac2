"""New words in prompts: where their tokens stand, placeholders for their vectors are put instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class NewWord:
    """A word with vectors of its own.

    tokens: what the tokenizer makes of it. placeholders: one id for each vector, beyond those of the vocabulary.
    """

    tokens: tuple[int, ...]
    placeholders: tuple[int, ...]


def with_new_words(tokens: Sequence[int], words: Sequence[NewWord], room: int) -> list[int]:
    """The tokens of a prompt with placeholders for new words, at most `room` of them.

    As in the WebUI, which looks for words among tokens (so capitals do not matter, and part of a word is no match),
    for the longest first, and never cuts a word's vectors in two: one for which there is no room ends the prompt.
    """
    found: list[int] = []
    for piece in _pieces(tokens, sorted(words, key=lambda word: len(word.tokens), reverse=True)):
        if len(found) + len(piece) > room:
            break
        found += piece
    return found


def _pieces(tokens: Sequence[int], words: Sequence[NewWord]) -> Iterator[tuple[int, ...]]:
    """The placeholders of each new word, each other token by itself."""
    position = 0
    while position < len(tokens):
        word = next((w for w in words if tuple(tokens[position : position + len(w.tokens)]) == w.tokens), None)
        yield word.placeholders if word else (tokens[position],)
        position += len(word.tokens) if word else 1
