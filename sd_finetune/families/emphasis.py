"""Emphasis on what the text encoder made of a prompt's tokens."""

from __future__ import annotations

from torch import Tensor

from ..settings.emphasis import EmphasisMode


def emphasized(states: Tensor, weights: Tensor, mode: EmphasisMode) -> Tensor:
    """Hidden states (chunks, tokens, width) with weights (chunks, tokens), each chunk by itself; in their precision."""
    if mode in ("none", "ignore") or bool((weights == 1).all()):
        return states
    weights = weights.to(states.device)[..., None]
    weighted = states.float() * weights
    if mode == "original":
        weighted = weighted * (_mean(states.float()) / _mean(weighted))
    return weighted.to(states.dtype)


def _mean(states: Tensor) -> Tensor:
    """Of each chunk."""
    return states.mean(dim=(1, 2), keepdim=True)
