"""Textual inversion: the vectors of one or several new words, and nothing else (arXiv 2208.01618)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from torch import Tensor, nn

from ..data.concepts import Example
from ..families.family import DiffusionModel
from ..formats.checkpoint import Checkpoint
from ..formats.embedding import write_embedding
from ..optimizers.parameter_group import ParameterGroup
from ..settings.options import Settings
from .method import Method, copy_into
from .words import TrainedWords, about_prompts, about_words


class TextualInversionMethod(Method):
    """Trains `NewWords`, all at once; the model itself is frozen."""

    def __init__(self, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        self._words = TrainedWords(model, settings)
        self.networks: Mapping[str, nn.Module] = self._words.network.by_part
        self._words.network.attach()

    @classmethod
    def check(cls, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        cls(model, settings, base).detach()

    @classmethod
    def instance_warnings(cls, model: DiffusionModel, settings: Settings, examples: Sequence[Example]) -> list[str]:
        """As `about_words`."""
        return about_words(model, settings, examples)

    @classmethod
    def class_warnings(cls, model: DiffusionModel, settings: Settings, examples: Sequence[Example]) -> list[str]:
        """Class images keep the word in its class only if their prompts contain it."""
        return list(about_prompts(model, settings, examples, "prompts of class images"))

    def parameter_groups(self) -> list[ParameterGroup]:
        return [self._words.parameter_group()]

    def trained_tensors(self) -> dict[str, Tensor]:
        return self._words.trained_tensors()

    def load_trained_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        copy_into(self.trained_tensors(), tensors)

    def write(self, path: Path, metadata: Mapping[str, str], precision: str, number: int = 0) -> None:
        write_embedding(path, self._words.for_file(number), metadata, precision, self._words.steps_before[number])

    def detach(self) -> None:
        self._words.network.detach()

    def untrained(self) -> AbstractContextManager[None]:
        return self._words.network.detached()
