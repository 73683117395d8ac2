"""Whether a run's loss rose so far that its result is of no use, although every number is finite."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist, fmean

import torch

from ...optimizers.build import applied_learning_rates
from ...runs.loss_table import read_losses
from ..state import Training
from ..step.loss import cost_of, weights_of

LEAST_STEPS = 4
LONGEST_WINDOW, LEAST_WINDOW = 50, 20
"""Steps whose mean loss is compared, up to a quarter of the run; and with fewer, only a loss that is absurd counts."""
QUANTILES, QUANTILES_AT_A_TIME = 200, 20
"""Of the normal distribution, by which a mean over it is computed."""
RISE, FAR_RISE = 1.5, 3.0
"""Times the loss of the beginning: with a loss that no longer predicts anything, and with any."""


def divergence(training: Training) -> str:
    """A sentence about a loss that rose far, as where the learning rate is too high; "" if it did not."""
    losses = read_losses(training.run.loss_csv)
    rise = risen(losses, loss_of_nothing(training))
    if rise is None:
        return ""
    applied = applied_learning_rates(training.optimizer, training.settings.optimizer.name)
    rates = ", ".join(f"{name} {rate:g}" for name, rate in applied.items())
    return (
        f"Training diverged: the loss rose from {rise[0]:.2g} to {rise[1]:.2g}, at learning rates {rates}. The result "
        "is most likely of no use: lower the learning rate and train again."
    )


def risen(losses: Sequence[float], of_nothing: float) -> tuple[float, float] | None:
    """The mean loss at the beginning and at the end, if it rose far; else None.

    of_nothing: the loss of a model that predicts zero.
    """
    if len(losses) < LEAST_STEPS:
        return None
    window = min(LONGEST_WINDOW, len(losses) // 4)
    first, last = fmean(losses[:window]), fmean(losses[-window:])
    is_absurd = last > of_nothing and last > RISE * first
    is_far = window >= LEAST_WINDOW and last > FAR_RISE * first
    return (first, last) if is_absurd or is_far else None


def loss_of_nothing(training: Training) -> float:
    """What is predicted is normal with a variance of 1; errors cost and timesteps count as the settings say."""
    settings, alphas = training.settings, training.model.alphas_cumprod
    asked = settings.timesteps
    timesteps = torch.arange(len(alphas), device=alphas.device)[asked.smallest : asked.largest + 1]
    quantiles = [NormalDist().inv_cdf((k + 0.5) / QUANTILES) for k in range(QUANTILES)]
    cost = cost_of(settings.loss, timesteps, alphas)
    costs = torch.zeros(len(timesteps), device=alphas.device)
    for first in range(0, QUANTILES, QUANTILES_AT_A_TIME):  # few, as there may be next to no memory left
        some = torch.tensor(quantiles[first : first + QUANTILES_AT_A_TIME], device=alphas.device)
        costs += cost(some.expand(len(timesteps), -1)).sum(dim=1) / QUANTILES
    weights = weights_of(settings, timesteps, training.model)
    return float((costs if weights is None else costs * weights).mean())
