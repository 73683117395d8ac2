"""Low-rank layers beside frozen ones: W = W0 + (alpha / rank) * up @ down (LoRA, arXiv 2106.09685, section 4.1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from ..families.family import TargetLayer


@dataclass(frozen=True)
class Dropout:
    """Probabilities, 0 ... below 1, that a value between the matrices, a rank for an image, or the whole layer is left
    out in a step, as in kohya's scripts; of values and ranks the others are scaled up for it.
    """

    values: float = 0.0
    ranks: float = 0.0
    layer: float = 0.0

    def __bool__(self) -> bool:
        return any((self.values, self.ranks, self.layer))


class LoraLayer(nn.Module):
    """The low-rank addition to one Linear or convolution layer; `up` starts at zero, so it has no effect at first.

    down: (rank, in[, kernel, kernel]); up: (out, rank[, 1, 1]), both float32.
    """

    def __init__(self, original: nn.Module, rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__()
        self.rank, self.alpha, self.dropout = rank, alpha, Dropout()
        if isinstance(original, nn.Conv2d):
            shape: dict[str, Any] = {"stride": original.stride, "padding": original.padding}
            height, width = original.kernel_size
            self.down: TargetLayer = nn.Conv2d(original.in_channels, rank, (height, width), bias=False, **shape)
            self.up: TargetLayer = nn.Conv2d(rank, original.out_channels, 1, bias=False)
        elif isinstance(original, nn.Linear):
            self.down = nn.Linear(original.in_features, rank, bias=False)
            self.up = nn.Linear(rank, original.out_features, bias=False)
        else:
            raise TypeError(f"no LoRA for a {type(original).__name__}")
        bound = 1 / math.sqrt(self.down.weight[0].numel())  # Kaiming with a = sqrt(5), as in other trainers
        with torch.no_grad():  # not with nn.init, which takes no generator before torch 2.3
            self.down.weight.uniform_(-bound, bound, generator=generator)
            self.up.weight.zero_()

    @property
    def scale(self) -> float:
        return self.alpha / self.rank

    def forward(self, x: Tensor) -> Tensor:
        """The addition to the original layer's output for the same input."""
        inner = self.down(x)
        if self.training and self.dropout:
            inner = dropped(inner, self.dropout, rank_side=-1 if isinstance(self.down, nn.Linear) else 1)
        return self.up(inner if self.scale == 1 else inner * self.scale)

    def beside(self, original: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """The output of the layer whose forward pass is `original`, with the addition to it."""
        if not isinstance(self.down, nn.Linear) or (self.training and self.dropout):
            return original(x) + self(x)
        rows = x.reshape(-1, x.shape[-1])
        output, inner = original(rows), linear(rows, self.down.weight)
        up = self.up.weight.to(inner.dtype)  # which autocast leaves undone in what works in place
        return output.addmm_(inner, up.t(), alpha=self.scale).view(*x.shape[:-1], -1)

    def trained(self) -> dict[str, Tensor]:
        return {"down": self.down.weight, "up": self.up.weight}

    def file_tensors(self) -> dict[str, Tensor]:
        return {"lora_down.weight": self.down.weight.detach(), "lora_up.weight": self.up.weight.detach()}

    def weight_change(self) -> Tensor:
        return low_rank_change(self.down.weight.detach(), self.up.weight.detach(), self.scale)


def dropped(inner: Tensor, rates: Dropout, rank_side: int) -> Tensor:
    """Values between the matrices, (images, ...), without those that are left out; torch's own stream says which."""
    inner = dropout(inner, rates.values)
    if rates.ranks:
        sides = [1] * inner.ndim
        sides[0], sides[rank_side] = len(inner), inner.shape[rank_side]
        inner = inner * _kept(inner, sides, rates.ranks) / (1 - rates.ranks)
    return inner * _kept(inner, [1] * inner.ndim, rates.layer) if rates.layer else inner


def _kept(like: Tensor, sides: list[int], probability: float) -> Tensor:
    """1 where something is kept and 0 where not, drawn on the GPU, so that a recorded step draws anew."""
    return (torch.rand(sides, device=like.device) >= probability).to(like.dtype)


def low_rank_change(down: Tensor, up: Tensor, scale: float) -> Tensor:
    """scale * up @ down, (out, in[, kernel, kernel]), float32; down, up as in `LoraLayer`."""
    product = up.float().flatten(1) @ down.float().flatten(1)
    return (scale * product).reshape(len(up), *down.shape[1:])
