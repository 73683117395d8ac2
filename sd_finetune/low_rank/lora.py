"""LoRA: W = W0 + (alpha / rank) * up @ down (arXiv 2106.09685, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import ClassVar

import torch
from torch import Tensor

from ..settings.algorithms import Form
from .change import Change, endings_of


@dataclass(frozen=True)
class LoraModule(Change):
    """A product of two matrices; with `mid`, between a convolution of one place before and one after it (Tucker)."""

    ENDINGS: ClassVar = endings_of("lora", "down", "up", "mid")
    PAIRS: ClassVar = (("up", "down"),)
    NEEDED: ClassVar = ("down", "up")

    down: Tensor
    """(rank, in) beside a linear layer, (rank, in, height, width) beside a convolution."""
    up: Tensor
    """(out, rank), or (out, rank, 1, 1)."""
    alpha: float
    mid: Tensor | None = None
    """(rank, rank, height, width)."""

    @property
    def rank(self) -> int:
        return self.down.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        area = 1 if self.mid is None else prod(self.mid.shape[2:])
        return self.up.shape[0], prod(self.down.shape[1:]) * area

    def product(self) -> Tensor:
        up, down = self.up.flatten(1), self.down.flatten(1)
        if self.mid is None:
            return up @ down
        return torch.einsum("on, nmp, mi -> oip", up, self.mid.flatten(2), down).flatten(1)

    def norm(self) -> Tensor:
        """Without the product: the squares of its values are those of two matrices as small as the rank."""
        if self.mid is not None:
            return super().norm()
        up, down = self.up.float().flatten(1), self.down.float().flatten(1)
        return abs(self.scale) * ((up.T @ up) * (down @ down.T)).sum().clamp(min=0).sqrt()

    def fault(self) -> str:
        up, down, mid = self.up, self.down, self.mid
        if min(down.ndim, up.ndim) < 2 or not len(down) or up.flatten(1).shape[1] != len(down):
            return f"lora_down and lora_up, of sizes {tuple(down.shape)} and {tuple(up.shape)}, differ in rank"
        if mid is not None and (mid.ndim < 2 or tuple(mid.shape[:2]) != (len(down), len(down))):
            return f"lora_mid, of size {tuple(mid.shape)}, does not fit rank {len(down)}"
        return ""

    @classmethod
    def new(cls, shape: Sequence[int], form: Form, alpha: float, generator: torch.Generator) -> LoraModule:
        down = torch.empty(form.rank, *shape[1:])
        bound = 1 / sqrt(down[0].numel())  # Kaiming with a = sqrt(5), as in other trainers
        down.uniform_(-bound, bound, generator=generator)  # not with nn.init, which takes no generator before torch 2.3
        return cls(down, torch.zeros(shape[0], form.rank, *[1] * len(shape[2:])), alpha)
