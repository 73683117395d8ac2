"""Prompts in chunks, by whichever tokenizer; needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from ..settings.prompt_reading import PromptReading
from ..settings.prompt_syntax import WeightedText, weighted_texts
from .chunks import Chunk, Piece, split_into_chunks
from .placeholder_tokens import NewWord, pieces_of

TokensOf = Callable[[str], tuple[int, ...]]
"""All token ids of a text, without start, end and padding."""


def split_prompt(
    prompt: str, reading: PromptReading, tokens_of: TokensOf, words: tuple[NewWord, ...]
) -> tuple[Sequence[Chunk], Sequence[Piece]]:
    """The chunks of a prompt, at least one, and what is too long for `reading`. words: those that are new.

    Raises:
        UserError: its emphasis cannot be read.
    """
    texts: list[list[_Tokens]] = [[]]
    for text in _texts(prompt, reading):
        if text.is_break:
            texts.append([])
        else:
            texts[-1].append((tokens_of(text.text), text.weight))
    (comma,) = tokens_of(",")
    return _chunks_of_tokens(tuple(map(tuple, texts)), words, comma, reading.chunks)


def words_among(chunks: Sequence[Chunk], words: Sequence[NewWord]) -> set[int]:
    """Which of the words, from 0, stand in a prompt of these chunks."""
    ids = {one for chunk in chunks for piece in chunk.pieces for one in piece.ids}
    return {number for number, word in enumerate(words) if not ids.isdisjoint(word.placeholders)}


_Tokens = tuple[tuple[int, ...], float]
"""Of a part of a prompt, and its weight."""


@lru_cache(maxsize=1024)  # steps ask for the same prompts again and again, each time as long as for a layer of the UNet
def _chunks_of_tokens(
    texts: tuple[tuple[_Tokens, ...], ...], words: tuple[NewWord, ...], comma: int, most: int | None
) -> tuple[Sequence[Chunk], Sequence[Piece]]:
    pieces = [[piece for tokens, weight in text for piece in pieces_of(tokens, words, weight)] for text in texts]
    return split_into_chunks(pieces, comma, most)


def _texts(prompt: str, reading: PromptReading) -> list[WeightedText]:
    return [WeightedText(prompt)] if reading.emphasis == "none" else weighted_texts(prompt)
