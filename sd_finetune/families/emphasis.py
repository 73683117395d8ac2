"""Emphasis on what the text encoder made of a prompt's tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..settings.emphasis import EmphasisMode
from .sent import sent_to


def emphasized(states: Tensor, weights: Sequence[Sequence[float]], mode: EmphasisMode) -> Tensor:
    """Hidden states (chunks, tokens, width) with weights (chunks, tokens), each chunk by itself; in their precision."""
    if mode in ("none", "ignore") or all(weight == 1 for chunk in weights for weight in chunk):
        return states
    weighted = states.float() * sent_to(states.device, torch.tensor(weights))[..., None]
    if mode == "original":
        weighted = weighted * (_mean(states.float()) / _mean(weighted))
    return weighted.to(states.dtype)


def _mean(states: Tensor) -> Tensor:
    """Of each chunk."""
    return states.mean(dim=(1, 2), keepdim=True)
