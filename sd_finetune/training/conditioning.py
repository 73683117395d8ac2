"""Prompts as the UNet takes them, computed once where nothing can change them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..models.parts import ModelParts, encode_prompts


class Conditioning:
    """Hidden states of prompts: kept for good while the text encoder is frozen, computed anew while it learns."""

    def __init__(self, parts: ModelParts, text_encoder_is_trained: bool) -> None:
        self._parts = parts
        self._trained = text_encoder_is_trained
        self._kept: dict[str, Tensor] = {}

    def __call__(self, prompts: Sequence[str]) -> Tensor:
        """(prompts, 77, context width), with gradients where the text encoder learns."""
        if self._trained:
            return encode_prompts(self._parts, prompts)
        new = [p for p in dict.fromkeys(prompts) if p not in self._kept]
        if new:
            with torch.no_grad():
                self._kept.update(zip(new, encode_prompts(self._parts, new), strict=True))
        return torch.stack([self._kept[p] for p in prompts])
