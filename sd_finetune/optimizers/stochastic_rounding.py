"""Rounding to bf16 up or down by chance, so that many steps too small for bf16 add up (arXiv 2010.06192).

A bf16 number has 8 bits of precision: rounded to the nearest, a weight of 0.05 does not change by less than 0.0001.
"""

from __future__ import annotations

import torch
from torch import Tensor

LOW_BITS = 16
"""A float32 number without these is a bf16 number."""


def rounded_stochastically(values: Tensor, generator: torch.Generator) -> Tensor:
    """float32 `values` in bf16, up or down with the probabilities that make them equal in the mean.

    generator: on the device of `values`. What is not finite stays so.
    """
    bits = values.view(torch.int32)
    drawn = torch.empty_like(bits).random_(0, 1 << LOW_BITS, generator=generator)
    high = torch.tensor(-1 << LOW_BITS)  # no plain number, which torch 2.1 does not take while operations are counted
    rounded = drawn.add_(bits).bitwise_and_(high).view(torch.float32)
    return torch.where(values.isfinite(), rounded, values).to(torch.bfloat16)
