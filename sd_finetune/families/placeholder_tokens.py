"""New words in prompts: their tokens are replaced by placeholders for their vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class NewWord:
    """A word with vectors of its own.

    tokens: the word's token ids. placeholders: one id for each vector, beyond those of the vocabulary.
    """

    tokens: tuple[int, ...]
    placeholders: tuple[int, ...]


def with_new_words(tokens: Sequence[int], words: Sequence[NewWord], limit: int) -> list[int]:
    """The tokens of a prompt with placeholders for new words, at most `limit` of them.

    As in the WebUI, which finds words by their tokens (so case does not matter, and part of a word does not match), the
    longest first, and never splits a word's vectors: a word whose vectors do not fit ends the prompt.
    """
    found: list[int] = []
    for piece in _pieces(tokens, sorted(words, key=lambda word: len(word.tokens), reverse=True)):
        if len(found) + len(piece) > limit:
            break
        found += piece
    return found


def _pieces(tokens: Sequence[int], words: Sequence[NewWord]) -> Iterator[tuple[int, ...]]:
    """The placeholders of each new word, and every other token on its own."""
    position = 0
    while position < len(tokens):
        word = next((w for w in words if tuple(tokens[position : position + len(w.tokens)]) == w.tokens), None)
        yield word.placeholders if word else (tokens[position],)
        position += len(word.tokens) if word else 1
