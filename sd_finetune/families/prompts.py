"""Prompts as CLIP's token ids in chunks, with placeholders for new words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from ..errors import UserError
from ..settings.groups.captions import CHUNK_TOKENS
from ..settings.prompt_reading import PLAIN, PromptReading
from .chunks import Chunk, Piece
from .family import DiffusionModel
from .prompt_chunks import split_prompt, words_among
from .vocabulary import mended


def word_tokens(model: DiffusionModel, text: str) -> tuple[int, ...]:
    """All token ids of a text, without start, end and padding."""
    known = model.word_tokens
    if text not in known:
        shown = text if getattr(model.tokenizer, "fix_text", None) else mended(text)  # as transformers does up to 4
        known[text] = tuple(model.tokenizer(shown, add_special_tokens=False, verbose=False).input_ids)
    return known[text]


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
    return bool(model.new_words and words_among(chunks_of(model, prompt, reading), model.new_words))


def refuse_clip_skip(model: DiffusionModel, clip_skip: int, called: str) -> None:
    """Raise UserError if there is nothing to skip, or the text encoder has no such layer. called: the option."""
    layers = model.text_encoder.config.num_hidden_layers
    if fault := model.family.facts.clip_skip_fault(clip_skip, layers, called):
        raise UserError(fault)


def _split(model: DiffusionModel, prompt: str, reading: PromptReading) -> tuple[Sequence[Chunk], Sequence[Piece]]:
    return split_prompt(prompt, reading, partial(word_tokens, model), model.new_words)
