"""Textual inversion: the vectors of one new word, and nothing else (arXiv 2208.01618)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from torch import Tensor, nn

from ..errors import UserError
from ..families.parts import ModelParts, word_tokens
from ..formats.checkpoint import Checkpoint
from ..formats.embedding import read_embedding, write_embedding
from ..networks.new_words import NewWords, embedding_vectors, initial_vectors
from ..settings.options import PLACES, Settings
from .method import ParameterGroup, copy_into


class TextualInversionMethod:
    """Trains one word of `NewWords`; the model itself is frozen."""

    def __init__(self, parts: ModelParts, settings: Settings, base: Checkpoint) -> None:
        self.settings = settings
        word = settings.new_word()
        _refuse_known(parts, word)
        vectors, self.steps_before = _first_vectors(parts, settings)
        self.words = NewWords(parts, [(word, vectors)])
        self.networks: Mapping[str, nn.Module] = {"text_encoder": self.words}
        self.words.to(parts.text_encoder.device)
        self.words.attach()

    @property
    def _vectors(self) -> nn.Parameter:
        return self.words.vectors[0]

    @classmethod
    def check(cls, parts: ModelParts, settings: Settings, base: Checkpoint) -> None:
        cls(parts, settings, base).detach()

    @classmethod
    def ending(cls, settings: Settings) -> str:
        return f".{settings.textual_inversion.form}"

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup("embedding", [self._vectors], self.settings.textual_inversion.learning_rate)]

    def trained_tensors(self) -> dict[str, Tensor]:
        return {"embedding.vectors": self._vectors}

    def load_trained_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        copy_into(self.trained_tensors(), tensors)

    def write(self, path: Path, metadata: Mapping[str, str]) -> None:
        write_embedding(path, self._vectors, metadata, self.settings.output.precision, self.steps_before)

    def detach(self) -> None:
        self.words.detach()

    def untrained(self) -> AbstractContextManager[None]:
        return self.words.detached()


def _refuse_known(parts: ModelParts, word: str) -> None:
    """Raise UserError for a word of the model's vocabulary, which prompts could not say any more."""
    if len(word_tokens(parts, word)) == 1:
        raise UserError(
            f'"{word}" is a word that the model knows already: give textual_inversion.word (or output.name, where that '
            f'is empty) a new one, like "{word}-new".'
        )


def _first_vectors(parts: ModelParts, settings: Settings) -> tuple[Tensor, int]:
    """(vectors, width) and their steps so far: those of the file to go on from, or those of the initial text."""
    asked, file = settings.textual_inversion, settings.base.continue_from
    if not file:
        return initial_vectors(parts, asked.initial_text, asked.vectors), 0
    vectors = embedding_vectors(parts, Path(file))
    if len(vectors) > PLACES:
        raise UserError(
            f"base.continue_from = {file} has {len(vectors)} vectors and a prompt has room for {PLACES}: go on from "
            "another embedding."
        )
    if len(vectors) != asked.vectors:
        raise UserError(
            f"base.continue_from = {file} has {len(vectors)} vectors and textual_inversion.vectors is {asked.vectors}: "
            f"set textual_inversion.vectors = {len(vectors)} to go on from it."
        )
    return vectors, read_embedding(Path(file)).step or 0
