"""Prompts as CLIP's token ids, with placeholders for new words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from .family import DiffusionModel
from .placeholder_tokens import with_new_words

CLIP_TOKENIZER_FOLDER = Path(__file__).parent / "tokenizer"


def word_tokens(model: DiffusionModel, text: str) -> tuple[int, ...]:
    """All token ids of a text, without start, end and padding."""
    known = model.word_tokens
    if text not in known:
        known[text] = tuple(model.tokenizer(text, add_special_tokens=False, verbose=False).input_ids)
    return known[text]


def tokenize(model: DiffusionModel, prompts: Sequence[str]) -> Tensor:
    """Token ids, (prompts, 77), int64; a longer prompt is truncated, a shorter one padded with the end token.

    New words are replaced by their placeholders.
    """
    return torch.tensor(_token_rows(model, prompts))


def prompt_limit(model: DiffusionModel) -> int:
    """Tokens of a prompt that the text encoder takes, without start and end."""
    return model.tokenizer.model_max_length - 2


def cut_off(model: DiffusionModel, prompt: str) -> str:
    """The end of a prompt that is too long, as it is truncated; "" for others. New words count as their tokens."""
    limit = prompt_limit(model)
    tokens = word_tokens(model, prompt) if len(prompt) > limit else ()  # no token is shorter than a letter
    return model.tokenizer.decode(tokens[limit:]).strip() if len(tokens) > limit else ""


def _token_rows(model: DiffusionModel, prompts: Sequence[str]) -> list[list[int]]:
    start, end = model.tokenizer.bos_token_id, model.tokenizer.eos_token_id
    limit = prompt_limit(model)
    rows = [with_new_words(word_tokens(model, prompt), model.new_words, limit) for prompt in prompts]
    return [[start, *row, *[end] * (limit - len(row) + 1)] for row in rows]


def uses_new_word(model: DiffusionModel, prompt: str) -> bool:
    """Whether there is a new word in the prompt, as far as it is not truncated."""
    return bool(new_words_in(model, prompt))


def new_words_in(model: DiffusionModel, prompt: str) -> set[int]:
    """Which of the model's new words, from 0, are in the prompt, as far as it is not truncated."""
    tokens = set(_token_rows(model, [prompt])[0]) if model.new_words else set[int]()
    return {number for number, word in enumerate(model.new_words) if not tokens.isdisjoint(word.placeholders)}
