"""Encoded prompts, as the UNet takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class TextConditioning:
    """The text encoders' output for a batch of prompts, a row each; None for what a family does not have."""

    hidden_states: Tensor
    """(prompts, tokens, context width)."""
    pooled: Tensor | None = None
    """(prompts, width): one vector for the whole prompt."""
    size_ids: Tensor | None = None
    """(prompts, 6): original height and width, crop top and left, target height and width, in pixels."""

    def row(self, index: int) -> TextConditioning:
        """One prompt's, still with a batch dimension of 1."""
        return self.each(lambda tensor: tensor[index : index + 1])

    def repeated(self, count: int) -> TextConditioning:
        """The same single prompt `count` times, without a copy."""
        return self.each(lambda tensor: tensor.expand(count, *tensor.shape[1:]))

    def tensors(self) -> tuple[Tensor, ...]:
        """Those that there are, in a fixed order."""
        return tuple(tensor for tensor in vars(self).values() if tensor is not None)

    def each(self, change: Callable[[Tensor], Tensor]) -> TextConditioning:
        """The same with every tensor changed."""
        return replace(self, **{name: change(tensor) for name, tensor in vars(self).items() if tensor is not None})


def join_conditioning(pieces: Sequence[TextConditioning]) -> TextConditioning:
    """All rows one after another; the pieces have the same fields."""
    names = [name for name, tensor in vars(pieces[0]).items() if tensor is not None]
    return TextConditioning(**{name: torch.cat([getattr(piece, name) for piece in pieces]) for name in names})
