"""LoHa: W = W0 + (alpha / rank) * (w1_a @ w1_b) * (w2_a @ w2_b), the last value by value (FedPara, arXiv 2108.06098,
section 2.2; for diffusion models LyCORIS, arXiv 2309.14859, section 3.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import torch
from torch import Tensor

from ..settings.algorithms import Form
from .change import Change, endings_of


@dataclass(frozen=True)
class LohaModule(Change):
    """Two products of matrices, multiplied value by value; with `t1` and `t2`, each in Tucker's form."""

    ENDINGS: ClassVar = endings_of("loha", "w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")
    PAIRS: ClassVar = (("w1_a", "w1_b"), ("w2_a", "w2_b"))
    NEEDED: ClassVar = ("w1_a", "w1_b", "w2_a", "w2_b")

    w1_a: Tensor
    """(out, rank); (rank, out) in Tucker's form."""
    w1_b: Tensor
    """(rank, in), of a convolution (rank, in * height * width)."""
    w2_a: Tensor
    w2_b: Tensor
    alpha: float
    t1: Tensor | None = None
    """(rank, rank, height, width)."""
    t2: Tensor | None = None

    @property
    def rank(self) -> int:
        return self.w1_b.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        if self.t1 is None:
            return self.w1_a.shape[0], prod(self.w1_b.shape[1:])
        return self.w1_a.shape[1], prod(self.w1_b.shape[1:]) * prod(self.t1.shape[2:])

    def product(self) -> Tensor:
        return _of(self.t1, self.w1_a, self.w1_b) * _of(self.t2, self.w2_a, self.w2_b)

    def fault(self) -> str:
        sizes = [_size(self.t1, self.w1_a, self.w1_b), _size(self.t2, self.w2_a, self.w2_b)]
        if sizes[0] is None or sizes[0] != sizes[1]:
            shapes = ", ".join(str(tuple(value.shape)) for value in self.tensors().values())
            return f"matrices, of sizes {shapes}, do not fit together"
        return ""

    @classmethod
    def new(cls, shape: Sequence[int], form: Form, alpha: float, generator: torch.Generator) -> LohaModule:
        """As LyCORIS begins: standard deviations of 0.1 and 1, and zeros."""
        out, into = shape[0], prod(shape[1:])
        w1_a = torch.empty(out, form.rank).normal_(0, 0.1, generator=generator)
        w1_b, w2_b = (torch.empty(form.rank, into).normal_(generator=generator) for _ in range(2))
        return cls(w1_a, w1_b, torch.zeros(out, form.rank), w2_b, alpha)


def _of(core: Tensor | None, a: Tensor, b: Tensor) -> Tensor:
    """One of the products, as a matrix."""
    if core is None:
        return a @ b.flatten(1)
    return torch.einsum("mnp, ni, mo -> oip", core.flatten(2), b, a).flatten(1)


def _size(core: Tensor | None, a: Tensor, b: Tensor) -> tuple[int, ...] | None:
    """Of a product, None if there is none."""
    if a.ndim != 2 or b.ndim < 2:
        return None
    if core is None:
        return (a.shape[0], prod(b.shape[1:])) if a.shape[1] == b.shape[0] else None
    fits = core.ndim > 2 and b.ndim == 2 and tuple(core.shape[:2]) == (a.shape[0], b.shape[0])
    return (a.shape[1], b.shape[1], prod(core.shape[2:])) if fits else None
