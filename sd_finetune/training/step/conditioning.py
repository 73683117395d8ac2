"""Encoded prompts, cached where training does not change them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ...families.conditioning import TextConditioning, join_conditioning
from ...families.family import DiffusionModel
from ...families.prompts import uses_new_word


class Conditioning:
    """Encodes prompts: once, or at each call where the text encoder or a new word in them is trained."""

    def __init__(self, model: DiffusionModel, text_encoder_is_trained: bool) -> None:
        self._model = model
        self._trained = text_encoder_is_trained
        self._cache: dict[str, TextConditioning] = {}

    def __call__(self, prompts: Sequence[str]) -> TextConditioning:
        """A row for each prompt, with gradients where the text encoder or a new word in the prompt is trained."""
        if self._trained:
            return self._model.encode_prompts(prompts)
        unknown = [p for p in dict.fromkeys(prompts) if p not in self._cache]
        learning = [p for p in unknown if uses_new_word(self._model, p)]
        fixed = [p for p in unknown if p not in learning]
        with torch.no_grad():
            self._cache.update(self._states(fixed))
        states = {**self._cache, **self._states(learning)}
        return join_conditioning([states[p] for p in prompts])

    def _states(self, prompts: Sequence[str]) -> dict[str, TextConditioning]:
        if not prompts:
            return {}
        encoded = self._model.encode_prompts(prompts)
        return {prompt: encoded.row(index) for index, prompt in enumerate(prompts)}
