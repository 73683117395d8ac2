"""Weights held in bf16 under an optimizer that computes in fp32, a few of them at a time.

The optimizer is built over stand-ins, fp32 parameters that are empty between its steps. So what it keeps is in fp32 and
of the weights there is no second copy.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from .stochastic_rounding import rounded_stochastically

STANDS_FOR = "stands_for"
"""Attribute of a stand-in: the parameter itself. For a class of its own torch's optimizers would not be as fast."""


def new_stand_in(parameter: nn.Parameter) -> nn.Parameter:
    """What an optimizer knows a bf16 parameter by: empty, fp32, on its device."""
    stand_in = nn.Parameter(torch.empty(0, device=parameter.device))
    setattr(stand_in, STANDS_FOR, parameter)
    return stand_in


def weight_of(known: nn.Parameter) -> nn.Parameter:
    """What is trained behind a parameter of an optimizer: that itself, or what it stands for."""
    return getattr(known, STANDS_FOR, known)


@contextmanager
def in_fp32(stand_ins: Sequence[nn.Parameter], generators: Iterable[torch.Generator]) -> Generator[None, None, None]:
    """Stand-ins hold values and gradients of what they stand for as long as the block runs: for an optimizer's step.

    Then the parameters take over what has become of the values, rounded stochastically by a generator each. Their
    gradients are gone from the beginning.
    """
    parameters = [weight_of(stand_in) for stand_in in stand_ins]
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
