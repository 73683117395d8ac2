"""Textual inversion: vectors of a new word among the token embeddings (arXiv 2208.01618, section 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..families.family import DiffusionModel
from ..families.placeholder_tokens import NewWord
from ..families.prompts import word_tokens
from ..formats.bundled_words import read_bundled
from ..formats.embedding import Embedding, read_embedding
from ..formats.fit.words import vector_names
from ..settings.groups.captions import CHUNK_TOKENS
from .attachable import AttachableNetwork, replace_forward

Vectors = Mapping[str, Tensor]
"""Of one word: for each text encoder by its part, (vectors, width), for all of them as many."""


class NewWords(AttachableNetwork):
    """Words with vectors of their own, float32; the vocabulary's embeddings are not changed.

    While they are attached, prompts with such a word get its vectors instead of the embeddings of its tokens, in each
    text encoder those for it. All of them know a word's vectors by the same ids.
    """

    def __init__(self, model: DiffusionModel, vectors: Sequence[tuple[str, Vectors]]) -> None:
        super().__init__()
        self._model = model
        self._by_part = nn.ModuleDict({
            part: nn.ParameterList([nn.Parameter(own[part].detach().float().clone()) for _, own in vectors])
            for part in model.text_encoders
        })  # fmt: skip
        self.words: list[NewWord] = []
        first = self._first = max(_table(model, part).num_embeddings for part in model.text_encoders)
        for word, own in vectors:
            tokens = word_tokens(model, word)
            (count,) = {len(each) for each in own.values()}
            if not tokens:
                raise UserError(f'"{word}" has no tokens, so it cannot be used in a prompt: choose another name.')
            if count > CHUNK_TOKENS:
                raise UserError(
                    f'"{word}" has {count} vectors, but a prompt has room for {CHUNK_TOKENS} together: use another.'
                )
            if any(known.tokens == tokens for known in self.words):
                raise UserError(f'"{word}" is the name of two embeddings, as case is ignored: rename one of the files.')
            self.words.append(NewWord(tokens, tuple(range(first, first + count))))
            first += count

    @property
    def by_part(self) -> dict[str, nn.ParameterList]:
        """The vectors of all words in order, for each text encoder by its part."""
        return {part: cast("nn.ParameterList", own) for part, own in self._by_part.items()}

    def of_word(self, number: int) -> dict[str, Tensor]:
        """The vectors of one word, from 0, for each text encoder by its part."""
        return {part: own[number] for part, own in self.by_part.items()}

    def _attach_to_model(self, undo: ExitStack) -> None:
        """Make the words known in prompts, and have the token embedding layers return their vectors."""
        if self._model.new_words:
            raise RuntimeError("the model already has new words: detach those first")
        if not self.words:
            return
        for part, own in self.by_part.items():
            forward = _forward_with(own, self._first)
            undo.callback(replace_forward(_table(self._model, part), forward, "the token embedding layer"))
        self._model.new_words = tuple(self.words)
        undo.callback(self._forget_words)

    def _forget_words(self) -> None:
        self._model.new_words = ()


def _table(model: DiffusionModel, part: str) -> Any:
    """The embedding layer of the vocabulary's tokens in a text encoder."""
    return model.text_encoders[part].get_input_embeddings()


def _forward_with(vectors: nn.ParameterList, first: int) -> Any:
    """first: the id of the first vector, beyond those of the vocabulary."""

    def forward(table: nn.Embedding, ids: Tensor) -> Tensor:
        is_new = ids >= first
        known = type(table).forward(table, ids.masked_fill(is_new, 0))
        rows = torch.cat(list(vectors)).to(known.dtype)
        new = rows[(ids - first).clamp(min=0)]
        return torch.where(is_new[..., None], new, known)

    return forward


def initial_vectors(model: DiffusionModel, text: str, count: int) -> dict[str, Tensor]:
    """Token embeddings of `text`, (count, width) float32 for each text encoder by its part.

    They are spread over the vectors in order; zeros for an empty text.
    """
    tokens = word_tokens(model, text)[:count]
    chosen = [tokens[k * len(tokens) // count] for k in range(count)] if tokens else []

    def of_part(part: str) -> Tensor:
        table = _table(model, part)
        return table.weight.detach()[chosen].float().cpu() if chosen else torch.zeros(count, table.embedding_dim)

    return {part: of_part(part) for part in model.text_encoders}


def embedding_vectors(model: DiffusionModel, path: Path) -> dict[str, Tensor]:
    """The vectors of an embedding file, (vectors, width) float32 for each text encoder by its part.

    Raises:
        UserError: the file is not an embedding, or one for another kind of model.
    """
    return fitting_vectors(model, str(path), read_embedding(path))


def fitting_vectors(model: DiffusionModel, called: str, embedding: Embedding) -> dict[str, Tensor]:
    """The vectors of an embedding, (vectors, width) float32 for each text encoder by its part.

    called: where they are from, in messages.

    Raises:
        UserError: they are for another kind of model.
    """
    widths = {part: _table(model, part).embedding_dim for part in model.text_encoders}
    shapes = {name: (len(own), own.shape[1]) for name, own in embedding.vectors.items()}
    names = vector_names(model.family.facts, widths, called, shapes)
    return {part: embedding.vectors[name].float() for part, name in names.items()}


def attach_embedding_files(model: DiffusionModel, paths: Sequence[Path], loras: Sequence[Path] = ()) -> NewWords:
    """Attach embeddings to `model`, each with its file's name as the word, as in the WebUI.

    loras: LoRAs whose files may have new words. As in the WebUI, such a word counts where there is no embedding of its
    name, and no LoRA before that has it.

    Raises:
        UserError: a file is not an embedding or one for another kind of model, or two have the same name.
    """
    read = [(path, read_embedding(path)) for path in paths]
    found = [(own.name if own.is_image else path.stem, fitting_vectors(model, str(path), own)) for path, own in read]
    known = {word.casefold() for word, _ in found}
    for path in loras:
        for word, embedding in read_bundled(path).items():
            if word.casefold() not in known:
                known.add(word.casefold())
                found.append((word, fitting_vectors(model, f'The word "{word}" of {path}', embedding)))
    words = NewWords(model, found)
    words.to(model.text_encoder.device).requires_grad_(False)
    words.attach()
    return words
