"""The learning rate as a function of the step, so that a resumed run needs no scheduler state."""

from __future__ import annotations

import math
from collections.abc import Callable


def constant(progress: float) -> float:
    """1 throughout."""
    return 1.0


def cosine(progress: float) -> float:
    """From 1 towards 0 on half a cosine wave (arXiv 1608.03983, equation 5)."""
    return 0.5 * (1 + math.cos(math.pi * progress))


SCHEDULES: dict[str, Callable[[float], float]] = {"constant": constant, "cosine": cosine}
"""By the names of the settings: progress since warmup, from 0 to below 1, to the factor of the learning rate."""


def learning_rate_factor(name: str, step: int, total_steps: int, warmup_steps: int) -> float:
    """The share of the full learning rate used in a step, in [0, 1].

    step: 0 ... total_steps - 1. Warmup rises evenly and reaches 1 in the step after it; then the schedule `name` takes
    over, which would reach the end of its progress in step total_steps.
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    return SCHEDULES[name]((step - warmup_steps) / max(total_steps - warmup_steps, 1))
