"""Textual inversion: vectors of a new word in the sequence of token embeddings (arXiv 2208.01618, section 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..families.parts import ModelParts, word_tokens
from ..families.placeholder_tokens import NewWord
from ..formats.embedding import read_embedding


class NewWords(nn.Module):
    """Words with vectors of their own, (vectors, width) float32 each; the vocabulary's table stays as it is.

    `attach` puts them to work: prompts with such a word get its vectors where its tokens would stand. `detach` takes
    them off again. Both do without touching a weight.
    """

    def __init__(self, parts: ModelParts, vectors: Sequence[tuple[str, Tensor]]) -> None:
        super().__init__()
        self._parts = parts
        self.vectors = nn.ParameterList([nn.Parameter(own.detach().float().clone()) for _, own in vectors])
        self.words: list[NewWord] = []
        first = _table(parts).num_embeddings
        for word, own in vectors:
            tokens = word_tokens(parts, word)
            if not tokens:
                raise UserError(f'"{word}" cannot be found in a prompt, as it is no text: choose another name.')
            if any(known.tokens == tokens for known in self.words):
                raise UserError(f'"{word}" names two embeddings, as capitals do not count: rename one of the files.')
            self.words.append(NewWord(tokens, tuple(range(first, first + len(own)))))
            first += len(own)

    def attach(self) -> None:
        """Use the words in prompts from now on."""
        if self._parts.new_words:
            raise RuntimeError("the model already has new words: detach those first")
        table = _table(self._parts)
        table.forward = MethodType(_forward_with(self.vectors), table)
        self._parts.new_words = tuple(self.words)

    def detach(self) -> None:
        """The model as it was before `attach`."""
        vars(_table(self._parts)).pop("forward", None)
        self._parts.new_words = ()

    @contextmanager
    def detached(self) -> Iterator[None]:
        """The model without the words, for as long as the block runs."""
        self.detach()
        try:
            yield
        finally:
            self.attach()


def _table(parts: ModelParts) -> Any:
    """The embedding layer of the vocabulary's tokens."""
    return parts.text_encoder.get_input_embeddings()


def _forward_with(vectors: nn.ParameterList) -> Any:
    def forward(table: nn.Embedding, ids: Tensor) -> Tensor:
        is_new = ids >= table.num_embeddings
        known = type(table).forward(table, ids.masked_fill(is_new, 0))
        rows = torch.cat(list(vectors)).to(known.dtype)
        new = rows[(ids - table.num_embeddings).clamp(min=0)]
        return torch.where(is_new[..., None], new, known)

    return forward


def initial_vectors(parts: ModelParts, text: str, count: int) -> Tensor:
    """Token embeddings of `text`, (count, width) float32: spread over the vectors in order, zeros for an empty text."""
    table = _table(parts)
    tokens = word_tokens(parts, text)[:count]
    if not tokens:
        return torch.zeros(count, table.embedding_dim)
    chosen = [tokens[k * len(tokens) // count] for k in range(count)]
    return table.weight.detach()[chosen].float().cpu()


def embedding_vectors(parts: ModelParts, path: Path) -> Tensor:
    """The vectors of an embedding's file, (vectors, width) float32, which must be as wide as the model's tokens.

    Raises:
        UserError: the file is no embedding, or one for another kind of model.
    """
    vectors, width = read_embedding(path).vectors.float(), _table(parts).embedding_dim
    if vectors.shape[1] != width:
        raise UserError(
            f"{path} has vectors of {vectors.shape[1]} numbers where this checkpoint's have {width}: "
            "use an embedding that was made for this kind of checkpoint."
        )
    return vectors


def attach_embedding_files(parts: ModelParts, paths: Sequence[Path]) -> NewWords:
    """Put embeddings to work on `parts`, each called by its file's name as in the WebUI; they can be detached again.

    Raises:
        UserError: a file is no embedding or one for another kind of model, or two have the same name.
    """
    words = NewWords(parts, [(path.stem, embedding_vectors(parts, path)) for path in paths])
    words.to(parts.text_encoder.device).requires_grad_(False)
    words.attach()
    return words
