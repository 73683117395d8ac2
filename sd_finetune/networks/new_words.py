"""Textual inversion: vectors of a new word among the token embeddings (arXiv 2208.01618, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..families.family import DiffusionModel
from ..families.placeholder_tokens import NewWord
from ..families.prompts import word_tokens
from ..formats.embedding import read_embedding
from ..settings.groups.captions import CHUNK_TOKENS
from .attachable import AttachableNetwork, replace_forward


class NewWords(AttachableNetwork):
    """Words with vectors of their own, (vectors, width) float32 each; the vocabulary's embeddings are not changed.

    While they are attached, prompts with such a word get its vectors instead of the embeddings of its tokens.
    """

    def __init__(self, model: DiffusionModel, vectors: Sequence[tuple[str, Tensor]]) -> None:
        super().__init__()
        self._model = model
        self.vectors = nn.ParameterList([nn.Parameter(own.detach().float().clone()) for _, own in vectors])
        self.words: list[NewWord] = []
        first = _table(model).num_embeddings
        for word, own in vectors:
            tokens = word_tokens(model, word)
            if not tokens:
                raise UserError(f'"{word}" has no tokens, so it cannot be used in a prompt: choose another name.')
            if len(own) > CHUNK_TOKENS:
                raise UserError(
                    f'"{word}" has {len(own)} vectors, but a prompt has room for {CHUNK_TOKENS} together: use another.'
                )
            if any(known.tokens == tokens for known in self.words):
                raise UserError(f'"{word}" is the name of two embeddings, as case is ignored: rename one of the files.')
            self.words.append(NewWord(tokens, tuple(range(first, first + len(own)))))
            first += len(own)

    def _attach_to_model(self, undo: ExitStack) -> None:
        """Make the words known in prompts, and have the token embedding layer return their vectors."""
        if self._model.new_words:
            raise RuntimeError("the model already has new words: detach those first")
        undo.callback(replace_forward(_table(self._model), _forward_with(self.vectors), "the token embedding layer"))
        self._model.new_words = tuple(self.words)
        undo.callback(self._forget_words)

    def _forget_words(self) -> None:
        self._model.new_words = ()


def _table(model: DiffusionModel) -> Any:
    """The embedding layer of the vocabulary's tokens."""
    return model.text_encoder.get_input_embeddings()


def _forward_with(vectors: nn.ParameterList) -> Any:
    def forward(table: nn.Embedding, ids: Tensor) -> Tensor:
        is_new = ids >= table.num_embeddings
        known = type(table).forward(table, ids.masked_fill(is_new, 0))
        rows = torch.cat(list(vectors)).to(known.dtype)
        new = rows[(ids - table.num_embeddings).clamp(min=0)]
        return torch.where(is_new[..., None], new, known)

    return forward


def initial_vectors(model: DiffusionModel, text: str, count: int) -> Tensor:
    """Token embeddings of `text`, (count, width) float32: spread over the vectors in order, zeros for an empty text."""
    table = _table(model)
    tokens = word_tokens(model, text)[:count]
    if not tokens:
        return torch.zeros(count, table.embedding_dim)
    chosen = [tokens[k * len(tokens) // count] for k in range(count)]
    return table.weight.detach()[chosen].float().cpu()


def embedding_vectors(model: DiffusionModel, path: Path) -> Tensor:
    """The vectors of an embedding file, (vectors, width) float32, which must be as wide as the model's.

    Raises:
        UserError: the file is not an embedding, or one for another kind of model.
    """
    vectors, width = read_embedding(path).vectors.float(), _table(model).embedding_dim
    if vectors.shape[1] != width:
        raise UserError(
            f"{path} has vectors of width {vectors.shape[1]}, but this checkpoint needs width {width}: "
            "use an embedding that was trained on this kind of checkpoint."
        )
    return vectors


def attach_embedding_files(model: DiffusionModel, paths: Sequence[Path]) -> NewWords:
    """Attach embeddings to `model`, each with its file's name as the word, as in the WebUI.

    Raises:
        UserError: a file is not an embedding or one for another kind of model, or two have the same name.
    """
    words = NewWords(model, [(path.stem, embedding_vectors(model, path)) for path in paths])
    words.to(model.text_encoder.device).requires_grad_(False)
    words.attach()
    return words
