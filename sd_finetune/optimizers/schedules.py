"""The learning rate as a function of the step, so that a resumed run needs no scheduler state."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..settings.groups.optimizer import Schedule


def constant(progress: float, asked: Schedule) -> float:
    """1 throughout."""
    return 1.0


def linear(progress: float, asked: Schedule) -> float:
    """Straight from 1 to `end` (arXiv 1905.04753, section 3)."""
    return _between(1.0, asked.end, progress)


def cosine(progress: float, asked: Schedule) -> float:
    """From 1 to `end` on half a cosine wave (arXiv 1608.03983, equation 5)."""
    return _between(1.0, asked.end, _half_wave(progress))


def cosine_with_restarts(progress: float, asked: Schedule) -> float:
    """`cosine`, `cycles` times at equal length (arXiv 1608.03983, equation 5 with T_mult = 1)."""
    within = round(asked.cycles * progress, 9) % 1  # rounded, as 49 * (1 / 49) is below 1
    return cosine(within, asked)


def polynomial(progress: float, asked: Schedule) -> float:
    """From 1 to `end` with (1 - progress) to the power of `power` (arXiv 1606.00915, section 4.1)."""
    return _between(asked.end, 1.0, (1 - progress) ** asked.power)


def one_cycle(progress: float, asked: Schedule) -> float:
    """From `start` to 1 in the share `rise` of the steps, and to `end` in the others (arXiv 1708.07120, section 3).

    Both on half a cosine wave, as torch's OneCycleLR has them; the momentum stays as it is.
    """
    if progress < asked.rise:
        return _between(asked.start, 1.0, _half_wave(progress / asked.rise))
    return _between(1.0, asked.end, _half_wave((progress - asked.rise) / (1 - asked.rise)))


def rex(progress: float, asked: Schedule) -> float:
    """From 1 to `end` on the reflected exponential (arXiv 2107.04197: its REX profile, sampled at each step)."""
    left = 1 - progress
    return _between(asked.end, 1.0, left / (0.5 + 0.5 * left))


def warmup_stable_decay(progress: float, asked: Schedule) -> float:
    """1, and in the last share `decay` of the steps to `end` (arXiv 2404.06395, section 4.2).

    The decay, which the paper leaves open, is `cosine`, as kohya's scripts and transformers have it.
    """
    return cosine(max(0.0, progress - (1 - asked.decay)) / asked.decay, asked)


def schedule_called(name: str) -> Callable[[float, Schedule], float]:
    """The function above with the name of a row of `settings.schedules`.

    It makes of the progress since warmup, from 0 to below 1, and of the options the factor of the learning rate.
    """
    return globals()[name]


def learning_rate_factor(asked: Schedule, step: int, total_steps: int, warmup_steps: int) -> float:
    """The share of the full learning rate used in a step, in [0, 1].

    step: 0 ... total_steps - 1. Warmup rises evenly and reaches 1 in the step after it; then the schedule takes over,
    which would reach the end of its progress in step total_steps.
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    return schedule_called(asked.name)((step - warmup_steps) / max(total_steps - warmup_steps, 1), asked)


def _half_wave(progress: float) -> float:
    """From 0 to 1 on half a cosine wave."""
    return 0.5 * (1 - math.cos(math.pi * progress))


def _between(first: float, last: float, share: float) -> float:
    """`first` at a share of 0, `last` at one of 1."""
    return first + (last - first) * share
