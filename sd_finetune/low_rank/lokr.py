"""LoKr: W = W0 + (alpha / rank) * (w1 ⊗ w2), a Kronecker product (LyCORIS, arXiv 2309.14859, section 3.3).

Each of the two is a matrix of its own, or a product of low rank: w1_a @ w1_b, w2_a @ w2_b. Where neither is, nothing
has a rank, and the scale is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import ClassVar

import torch
from torch import Tensor

from ..settings.algorithms import Form, kronecker_sizes
from .change import Change, endings_of


@dataclass(frozen=True)
class LokrModule(Change):
    """The Kronecker product of `w1` and `w2`; with `t2`, w2 in Tucker's form."""

    ENDINGS: ClassVar = endings_of("lokr", "w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")
    PAIRS: ClassVar = (("w1_a", "w1_b"), ("w2_a", "w2_b"))
    NEEDED: ClassVar = ()

    w1: Tensor | None
    w1_a: Tensor | None
    w1_b: Tensor | None
    w2: Tensor | None
    """(out, in) or (out, in, height, width), of a block."""
    w2_a: Tensor | None
    w2_b: Tensor | None
    """(rank, in), of a convolution (rank, in * height * width)."""
    alpha: float
    t2: Tensor | None = None
    """(rank, rank, height, width)."""

    @property
    def rank(self) -> int:
        low_rank = self.w2_b if self.w2_b is not None else self.w1_b
        return 0 if low_rank is None else low_rank.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        first, second = self._first_size() or (0, 0), self._second_size() or (0, 0)
        return first[0] * second[0], first[1] * second[1]

    def product(self) -> Tensor:
        return torch.kron(self._first().contiguous(), self._second().contiguous())

    def fault(self) -> str:
        if self._first_size() is None or self._second_size() is None:
            shapes = ", ".join(f"{field} {tuple(value.shape)}" for field, value in self.tensors().items())
            return f"matrices, {shapes}, do not fit together"
        return ""

    @classmethod
    def new(cls, shape: Sequence[int], form: Form, alpha: float, generator: torch.Generator) -> LokrModule:
        """As LyCORIS begins: w1 by Kaiming with a = sqrt(5), and w2 zero."""
        sizes = kronecker_sizes(shape[0], shape[1], form)

        def drawn(rows: int, columns: int) -> Tensor:
            bound = 1 / sqrt(columns)
            return torch.empty(rows, columns).uniform_(-bound, bound, generator=generator)

        (rows, columns), (out, into), rank, kernel = sizes.first, sizes.second, form.rank, shape[2:]
        first_is_low, second_is_low = sizes.first_is_low_rank, sizes.second_is_low_rank
        return cls(
            w1=None if first_is_low else drawn(rows, columns),
            w1_a=drawn(rows, rank) if first_is_low else None,
            w1_b=drawn(rank, columns) if first_is_low else None,
            w2=None if second_is_low else torch.zeros(out, into, *kernel),
            w2_a=drawn(out, rank) if second_is_low else None,
            w2_b=torch.zeros(rank, into * prod(kernel)) if second_is_low else None,
            alpha=alpha,
        )

    def _first(self) -> Tensor:
        if self.w1 is not None:
            return self.w1
        assert self.w1_a is not None
        assert self.w1_b is not None
        return self.w1_a @ self.w1_b

    def _second(self) -> Tensor:
        """As a matrix, whose columns are the inputs' and within them the kernel's places."""
        if self.w2 is not None:
            return self.w2.flatten(1)
        assert self.w2_a is not None
        assert self.w2_b is not None
        if self.t2 is None:
            return self.w2_a @ self.w2_b.flatten(1)
        return torch.einsum("mnp, ni, mo -> oip", self.t2.flatten(2), self.w2_b, self.w2_a).flatten(1)

    def _first_size(self) -> tuple[int, int] | None:
        if self.w1 is not None:
            return (self.w1.shape[0], self.w1.shape[1]) if self.w1.ndim == 2 else None
        return _size_of_product(self.w1_a, self.w1_b)

    def _second_size(self) -> tuple[int, int] | None:
        if self.w2 is not None:
            return (self.w2.shape[0], prod(self.w2.shape[1:])) if self.w2.ndim >= 2 else None
        a, b, core = self.w2_a, self.w2_b, self.t2
        if core is None or a is None or b is None:
            return _size_of_product(a, b)
        fits = core.ndim > 2 and a.ndim == b.ndim == 2 and tuple(core.shape[:2]) == (a.shape[0], b.shape[0])
        return (a.shape[1], b.shape[1] * prod(core.shape[2:])) if fits else None


def _size_of_product(a: Tensor | None, b: Tensor | None) -> tuple[int, int] | None:
    """None if there is none."""
    fits = a is not None and b is not None and a.ndim == 2 and b.ndim >= 2 and a.shape[1] == b.shape[0]
    return (a.shape[0], prod(b.shape[1:])) if fits and a is not None and b is not None else None
