"""Weights held in bf16 under an optimizer that computes in fp32, a few of them at a time.

The optimizer is built over stand-ins, fp32 parameters that are empty between its steps. So what it keeps is in fp32 and
of the weights there is no second copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from .stochastic_rounding import rounded_stochastically


def new_stand_in(parameter: nn.Parameter) -> nn.Parameter:
    """What an optimizer knows a bf16 parameter by: empty, fp32, on its device."""
    return nn.Parameter(torch.empty(0, device=parameter.device))


@contextmanager
def in_fp32(
    parameters: Sequence[nn.Parameter],
    stand_ins: Sequence[nn.Parameter],
    generators: Iterable[torch.Generator],
) -> Iterator[None]:
    """Stand-ins hold the parameters' values and gradients as long as the block runs, e.g. for a step of the optimizer.

    Then the parameters take over what has become of the values, rounded stochastically by a generator each. Their
    gradients are gone from the beginning.
    """
    for parameter, stand_in in zip(parameters, stand_ins, strict=True):
        stand_in.data = parameter.detach().float()
        stand_in.grad = None if parameter.grad is None else parameter.grad.float()
        parameter.grad = None
    try:
        yield
        with torch.no_grad():
            for parameter, stand_in, generator in zip(parameters, stand_ins, generators, strict=True):
                parameter.copy_(rounded_stochastically(stand_in.detach(), generator))
    finally:
        for stand_in in stand_ins:
            stand_in.grad = None
            stand_in.data = torch.empty(0, device=stand_in.device)
