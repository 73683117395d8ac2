"""DoRA: the size of a weight's columns apart from their direction (arXiv 2402.09353, equation 5).

W = m * (W0 + change) / |W0 + change|, with a norm and an `m` for each input, as the paper has it, over all outputs and
the places of a kernel. Some trainers have one for each output instead; their files are read, but AUTOMATIC1111's WebUI
takes them for the other kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from ..settings.algorithms import DORA_ENDING, has_size_for_each_input
from .change import Change


@dataclass(frozen=True)
class Decomposed:
    """A change of a weight's direction, and the sizes that the weight gets."""

    change: Change
    magnitude: Tensor
    """(1, in[, 1, 1]), or (out, 1[, 1, 1])."""

    @property
    def alpha(self) -> float:
        return self.change.alpha

    @property
    def rank(self) -> int:
        return self.change.rank

    @property
    def size(self) -> tuple[int, int]:
        return self.change.size

    @property
    def is_by_input(self) -> bool:
        """Whether there is a size for each input."""
        return has_size_for_each_input(self.magnitude.shape)

    def file_tensors(self) -> dict[str, Tensor]:
        """As `Change.file_tensors`; the sizes always in float32, since each is a factor of the whole weight."""
        return {**self.change.file_tensors(), DORA_ENDING: self.magnitude.detach().float()}

    def change_of(self, weight: Tensor) -> Tensor:
        """As `Change.change_of`."""
        direction = weight + self.change.change_of(weight)
        magnitude = self.magnitude.to(weight.device, direction.dtype)
        magnitude = magnitude.reshape(*magnitude.shape[:2], *[1] * (weight.ndim - 2))
        return direction * (magnitude / norms(direction, self.is_by_input)) - weight

    def fault(self) -> str:
        """What does not fit together, as the rest of a sentence; "" if nothing."""
        magnitude = self.magnitude
        if magnitude.ndim < 2 or magnitude.numel() != max(magnitude.shape[:2]) or 1 not in magnitude.shape[:2]:
            return f"{DORA_ENDING}, of size {tuple(magnitude.shape)}, has not one number for each input"
        out, columns = self.size
        fits = columns % magnitude.shape[1] == 0 if self.is_by_input else magnitude.shape[0] == out
        return "" if fits else f"{DORA_ENDING}, of size {tuple(magnitude.shape)}, does not fit its matrices"


def norms(weight: Tensor, by_input: bool = True) -> Tensor:
    """Of a weight (out, in[, height, width]): (1, in[, 1, 1]), or (out, 1[, 1, 1])."""
    others = [side for side in range(weight.ndim) if side != int(by_input)]
    return cast("Any", torch.linalg).vector_norm(weight, dim=others, keepdim=True)


StoredChange = Change | Decomposed
"""What a file has of a layer."""


def with_magnitude(change: Change, tensors: Mapping[str, Tensor]) -> StoredChange:
    """The change, with the sizes that there may be among a file's tensors.

    Raises:
        ValueError: they do not fit; says why, as the rest of a sentence.
    """
    magnitude = tensors.get(DORA_ENDING)
    if magnitude is None:
        return change
    made = Decomposed(change, magnitude)
    fault = made.fault()
    if fault:
        raise ValueError(fault)
    return made
