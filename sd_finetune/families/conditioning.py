"""Encoded prompts, as the UNet takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

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

    def __len__(self) -> int:
        return len(self.hidden_states)

    def row(self, index: int) -> TextConditioning:
        """One prompt's, still with a batch dimension of 1."""
        return TextConditioning(*(None if t is None else t[index : index + 1] for t in self._tensors()))

    def repeated(self, count: int) -> TextConditioning:
        """The same single prompt `count` times, without a copy."""
        return TextConditioning(*(None if t is None else t.expand(count, *t.shape[1:]) for t in self._tensors()))

    def _tensors(self) -> list[Tensor | None]:
        return [getattr(self, field.name) for field in fields(self)]


def join_conditioning(pieces: Sequence[TextConditioning]) -> TextConditioning:
    """All rows one after another; the pieces have the same fields."""
    columns = zip(*(piece._tensors() for piece in pieces), strict=True)
    return TextConditioning(*(None if column[0] is None else torch.cat(list(column)) for column in columns))
