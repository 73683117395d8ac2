"""Prompts as the UNet takes them, computed once where nothing can change them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...families.parts import ModelParts, encode_prompts, uses_new_word


class Conditioning:
    """Hidden states of prompts: kept for good, or computed anew where the text encoder or a new word in them learns."""

    def __init__(self, parts: ModelParts, text_encoder_is_trained: bool) -> None:
        self._parts = parts
        self._trained = text_encoder_is_trained
        self._kept: dict[str, Tensor] = {}

    def __call__(self, prompts: Sequence[str]) -> Tensor:
        """(prompts, 77, context width), with gradients where the text encoder learns, or a new word in the prompt."""
        if self._trained:
            return encode_prompts(self._parts, prompts)
        unknown = [p for p in dict.fromkeys(prompts) if p not in self._kept]
        learning = [p for p in unknown if uses_new_word(self._parts, p)]
        fixed = [p for p in unknown if p not in learning]
        with torch.no_grad():
            self._kept.update(self._states(fixed))
        states = {**self._kept, **self._states(learning)}
        return torch.stack([states[p] for p in prompts])

    def _states(self, prompts: Sequence[str]) -> dict[str, Tensor]:
        return dict(zip(prompts, encode_prompts(self._parts, prompts), strict=True)) if prompts else {}
