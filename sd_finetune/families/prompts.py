"""Prompts as CLIP's token ids in chunks, with placeholders for new words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from ..settings.groups.captions import CHUNK_TOKENS
from ..settings.prompt_reading import PLAIN, PromptReading
from .chunks import Chunk, Piece, split_into_chunks
from .family import DiffusionModel
from .placeholder_tokens import NewWord, pieces_of
from .prompt_syntax import WeightedText, weighted_texts

CLIP_TOKENIZER_FOLDER = Path(__file__).parent / "tokenizer"


def word_tokens(model: DiffusionModel, text: str) -> tuple[int, ...]:
    """All token ids of a text, without start, end and padding."""
    known = model.word_tokens
    if text not in known:
        mended = _mended(model.tokenizer, text)
        known[text] = tuple(model.tokenizer(mended, add_special_tokens=False, verbose=False).input_ids)
    return known[text]


def _mended(tokenizer: Any, text: str) -> str:
    """With plain quotes and letters, and without HTML, as CLIP's own tokenizer makes it; transformers' does up to 4."""
    if getattr(tokenizer, "fix_text", None):
        return text
    from ftfy import fix_text  # not in every WebUI, whose own process imports this file

    return fix_text(text)


def chunks_of(model: DiffusionModel, prompt: str, reading: PromptReading = PLAIN) -> Sequence[Chunk]:
    """The chunks of a prompt, at least one; what is too long for `reading` is cut off."""
    return _split(model, prompt, reading)[0]


def tokenize(model: DiffusionModel, chunks: Sequence[Chunk], part: str) -> Tensor:
    """Token ids for a text encoder, (chunks, 77), int64, on the CPU; new words are replaced by their placeholders."""
    own = model.tokenizers[part]
    return torch.tensor([chunk.ids(own.bos_token_id, own.eos_token_id, own.pad_token_id) for chunk in chunks])


def prompt_limit(reading: PromptReading) -> int | None:
    """Tokens of a prompt that are used, if that is limited."""
    return None if reading.chunks is None else reading.chunks * CHUNK_TOKENS


def cut_off(model: DiffusionModel, prompt: str, reading: PromptReading = PLAIN) -> str:
    """The end of a prompt for which there is no room; "" for others."""
    limit = prompt_limit(reading)
    if limit is None or (len(prompt.encode()) <= limit and "BREAK" not in prompt and not model.new_words):
        return ""  # a token is one byte or more, and thousands of captions are asked about
    cut = _split(model, prompt, reading)[1]
    return model.tokenizer.decode([token for piece in cut for token in piece.tokens]).strip() if cut else ""


def uses_new_word(model: DiffusionModel, prompt: str, reading: PromptReading = PLAIN) -> bool:
    """Whether there is a new word in the prompt, as far as it is not cut off."""
    return bool(new_words_in(model, prompt, reading))


def new_words_in(model: DiffusionModel, prompt: str, reading: PromptReading = PLAIN) -> set[int]:
    """Which of the model's new words, from 0, are in the prompt, as far as it is not cut off."""
    if not model.new_words:
        return set()
    chunks = chunks_of(model, prompt, reading)
    ids = {one for chunk in chunks for piece in chunk.pieces for one in piece.ids}
    return {number for number, word in enumerate(model.new_words) if not ids.isdisjoint(word.placeholders)}


def refuse_clip_skip(model: DiffusionModel, clip_skip: int, called: str) -> None:
    """Raise UserError if there is nothing to skip, or the text encoder has no such layer. called: the option."""
    if fault := model.family.facts.clip_skip_fault(clip_skip, called):
        raise UserError(fault)
    layers = model.text_encoder.config.num_hidden_layers
    if clip_skip > layers:
        raise UserError(
            f"{called} = {clip_skip} is out of range for this checkpoint, whose text encoder has "
            f"{layers} layer{'s' * (layers > 1)}: use a whole number from 1 to {layers}."
        )


def _split(model: DiffusionModel, prompt: str, reading: PromptReading) -> tuple[Sequence[Chunk], Sequence[Piece]]:
    texts: list[list[_Tokens]] = [[]]
    for text in _texts(prompt, reading):
        if text.is_break:
            texts.append([])
        else:
            texts[-1].append((word_tokens(model, text.text), text.weight))
    (comma,) = word_tokens(model, ",")
    return _chunks_of_tokens(tuple(map(tuple, texts)), model.new_words, comma, reading.chunks)


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
