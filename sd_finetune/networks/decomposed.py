"""Weight decomposition (DoRA, `low_rank.dora`) around an adapter layer of any algorithm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..low_rank.change import Change
from ..low_rank.dora import Decomposed, norms
from .adapter import AdapterLayer, precise, weight_of
from .change_layer import without_autocast
from .dropout import Dropout

LEAST_NORM = 1e-12
"""Of a column that is divided by it."""


class DecomposedLayer(nn.Module):
    """An adapter layer, and how far the size of each column of the weight is from the original's.

    As there is a size for each input, it multiplies the layer's input. The norm is taken for a constant in the backward
    pass, as in the paper's section 4.3, which saves as much memory as the weight takes.
    """

    def __init__(self, original: nn.Module, inner: nn.Module) -> None:
        super().__init__()
        self.inner = cast("AdapterLayer", inner)
        self._original = (original,)  # which is no module of this one
        weight = cast("Tensor", original.weight)
        self.growth = nn.Parameter(torch.zeros(1, weight.shape[1], *[1] * (weight.ndim - 2)))

    @property
    def alpha(self) -> float:
        return self.inner.alpha

    @property
    def rank(self) -> int:
        return self.inner.rank

    @property
    def scale(self) -> float:
        return self.inner.scale

    @property
    def dropout(self) -> Dropout:
        return self.inner.dropout

    @dropout.setter
    def dropout(self, rates: Dropout) -> None:
        self.inner.dropout = rates

    def beside(self, original: Callable[[Tensor], Tensor], x: Tensor, share: Tensor | None = None) -> Tensor:
        """As `AdapterLayer.beside`."""
        with without_autocast(x.device):
            factors = self._factors()
            columns = factors if isinstance(self._original[0], nn.Conv2d) else factors.flatten()
            if share is not None:
                columns = 1 + (columns - 1) * share.flatten().to(columns.dtype)
            scaled = (x * columns).to(x.dtype)
        return self.inner.beside(original, scaled, share)

    def _factors(self) -> Tensor:
        """Of each column: the size that it has over the one that it would have; (1, in[, 1, 1])."""
        (original,) = self._original
        with torch.no_grad():
            weight = precise(weight_of(original))
            before, after = norms(weight), norms(weight + self.inner.change().change_of(weight))
        return (before + self.growth) / after.clamp(min=LEAST_NORM)

    def magnitude(self) -> Tensor:
        """The size of each column, (1, in[, 1, 1])."""
        return norms(precise(weight_of(self._original[0]))) + self.growth

    @torch.no_grad()
    def keep_sizes(self, magnitude: Tensor | None = None) -> None:
        """Give the columns these sizes, or those that they have by the change alone."""
        weight = precise(weight_of(self._original[0]))
        sizes = norms(weight + self.inner.change().change_of(weight)) if magnitude is None else magnitude
        self.growth.copy_(sizes.to(weight.device).reshape(self.growth.shape) - norms(weight))

    def change(self) -> Change:
        """As `AdapterLayer.change`, without the sizes."""
        return self.inner.change()

    def fill(self, change: Any) -> None:
        """Take over a change of the same sizes."""
        cast("Any", self.inner).fill(change)

    def trained(self) -> dict[str, Tensor]:
        return {**self.inner.trained(), "growth": self.growth}

    def file_tensors(self) -> dict[str, Tensor]:
        return Decomposed(self.inner.change(), self.magnitude().detach()).file_tensors()
