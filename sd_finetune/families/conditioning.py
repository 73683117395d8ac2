"""Encoded prompts, as the UNet takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import pad

ALIGNMENT = 8
"""Masks are this many tokens long or a multiple, which attention kernels need."""


@dataclass(frozen=True)
class TextConditioning:
    """The text encoders' output for a batch of prompts, a row each; None for what a family does not have."""

    hidden_states: Tensor
    """(prompts, tokens, context width)."""
    mask: Tensor | None = None
    """(prompts, tokens), bool: which tokens are a prompt's own, where the prompts of a batch differ in length."""
    pooled: Tensor | None = None
    """(prompts, width): one vector for the whole prompt."""
    size_ids: Tensor | None = None
    """(prompts, 6): original height and width, crop top and left, target height and width, in pixels."""

    def repeated(self, count: int) -> TextConditioning:
        """The same single prompt `count` times, without a copy."""
        return self.each(lambda tensor: tensor.expand(count, *tensor.shape[1:]))

    def without_text(self) -> TextConditioning:
        """The same with zeros in the place of what the prompts say."""
        pooled = None if self.pooled is None else torch.zeros_like(self.pooled)
        return replace(self, hidden_states=torch.zeros_like(self.hidden_states), pooled=pooled)

    def tensors(self) -> tuple[Tensor, ...]:
        """Those that there are, in a fixed order."""
        return tuple(tensor for tensor in vars(self).values() if tensor is not None)

    def each(self, change: Callable[[Tensor], Tensor]) -> TextConditioning:
        """The same with every tensor changed."""
        return replace(self, **{name: change(tensor) for name, tensor in vars(self).items() if tensor is not None})


def join_conditioning(pieces: Sequence[TextConditioning]) -> TextConditioning:
    """All rows one after another; the pieces have the same fields.

    Shorter rows are padded with tokens that the UNet does not see, so that a prompt means the same beside any other.
    """
    lengths = {piece.hidden_states.shape[1] for piece in pieces}
    if len(lengths) > 1 or any(piece.mask is not None for piece in pieces):
        pieces = [_padded(piece, -(-max(lengths) // ALIGNMENT) * ALIGNMENT) for piece in pieces]
    names = [name for name, tensor in vars(pieces[0]).items() if tensor is not None]
    return TextConditioning(**{name: torch.cat([getattr(piece, name) for piece in pieces]) for name in names})


def _padded(piece: TextConditioning, tokens: int) -> TextConditioning:
    states, mask = piece.hidden_states, piece.mask
    if mask is None:
        mask = torch.ones(states.shape[:2], dtype=torch.bool, device=states.device)
    more = tokens - states.shape[1]
    return replace(piece, hidden_states=pad(states, (0, 0, 0, more)), mask=pad(mask, (0, more)))
