"""Whether a run's loss rose so far that its result is of no use, although every number is finite."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import torch

from ...diffusion.loss import min_snr_weights
from ...optimizers.build import applied_learning_rates
from ...runs.loss_table import read_losses
from ..state import Training

LEAST_STEPS = 4
LONGEST_WINDOW, LEAST_WINDOW = 50, 20
"""Steps whose mean loss is compared, up to a quarter of the run; and with fewer, only a loss that is absurd counts."""
RISE, FAR_RISE = 1.5, 3.0
"""Times the loss of the beginning: with a loss that no longer predicts anything, and with any."""


def divergence(training: Training) -> str:
    """A sentence about a loss that rose far, as where the learning rate is too high; "" if it did not."""
    losses = read_losses(training.run.loss_csv)
    rise = risen(losses, _loss_of_nothing(training))
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


def _loss_of_nothing(training: Training) -> float:
    """What is predicted has a variance of 1; Min-SNR-gamma weights it by timestep."""
    gamma = training.settings.train.snr_gamma
    if not gamma:
        return 1.0
    alphas = training.model.alphas_cumprod
    timesteps = torch.arange(len(alphas), device=alphas.device)
    return float(min_snr_weights(timesteps, alphas, gamma, training.model.prediction_type).mean())
