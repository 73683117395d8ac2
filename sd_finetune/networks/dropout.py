"""What of an adapter layer is left out in a step, at random, so that it does not learn few images by heart."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import dropout


@dataclass(frozen=True)
class Dropout:
    """Probabilities, 0 ... below 1, that a value between the matrices, a rank for an image, or the whole layer is left
    out in a step, as in kohya's scripts; of values and ranks the others are scaled up for it.
    """

    values: float = 0.0
    ranks: float = 0.0
    layer: float = 0.0


def dropped(inner: Tensor, rates: Dropout, rank_side: int) -> Tensor:
    """Values between the matrices, (images, ...), without those that are left out; torch's own stream says which."""
    inner = dropout(inner, rates.values)
    if rates.ranks:
        sides = [1] * inner.ndim
        sides[0], sides[rank_side] = len(inner), inner.shape[rank_side]
        inner = inner * kept(inner, sides, rates.ranks) / (1 - rates.ranks)
    return inner


def kept(like: Tensor, sides: list[int], probability: float) -> Tensor:
    """1 where something is kept and 0 where not, drawn on the GPU, so that a recorded step draws anew."""
    return (torch.rand(sides, device=like.device) >= probability).to(like.dtype)
