"""New words in prompts: their tokens are replaced by placeholders for their vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .chunks import Piece


@dataclass(frozen=True)
class NewWord:
    """A word with vectors of its own.

    tokens: the word's token ids. placeholders: one id for each vector, beyond those of the vocabulary.
    """

    tokens: tuple[int, ...]
    placeholders: tuple[int, ...]


def pieces_of(tokens: Sequence[int], words: Sequence[NewWord], weight: float = 1.0) -> Iterator[Piece]:
    """The placeholders of each new word in the tokens of a text, and every other token on its own.

    As in the WebUI, which finds words by their tokens (so case does not matter, and part of a word does not match), the
    longest first.
    """
    position = 0
    by_length = sorted((word for word in words if word.tokens), key=lambda word: len(word.tokens), reverse=True)
    while position < len(tokens):
        word = next((w for w in by_length if tuple(tokens[position : position + len(w.tokens)]) == w.tokens), None)
        own = word.tokens if word else (tokens[position],)
        yield Piece(own, word.placeholders if word else own, weight)
        position += len(own)
