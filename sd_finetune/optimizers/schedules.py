"""The learning rate as a function of the step, so that a resumed run needs no scheduler state."""

from __future__ import annotations

import math


def learning_rate_factor(name: str, step: int, total_steps: int, warmup_steps: int) -> float:
    """The share of the full rate used in a step, in [0, 1].

    step: 0 ... total_steps - 1. Warm-up rises evenly and reaches 1 in the step after it; then "constant" stays at 1
    and "cosine" falls towards 0, which it would reach in step total_steps (arXiv 1608.03983, equation 5).
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if name == "constant":
        return 1.0
    progress = (step - warmup_steps) / max(total_steps - warmup_steps, 1)
    return 0.5 * (1 + math.cos(math.pi * progress))
