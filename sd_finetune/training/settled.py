"""Whether the evaluation loss has settled, so that more training would change little (DVAR, arXiv 2302.04841)."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import pvariance

from .state import Training

REASON = (
    "The evaluation loss has settled: its variance in the last {window} evaluations is below {share:g} of that in the "
    "whole run."
)


def has_settled(losses: Sequence[float], window: int, share: float) -> bool:
    """Whether the variance of the last `window` losses is below a share of the variance of all.

    The paper's criterion. Until there are twice as many losses as in the window it never holds.
    """
    if share <= 0 or len(losses) < 2 * window:
        return False
    return pvariance(losses[-window:]) < share * pvariance(losses)


def settled(training: Training) -> str:
    """A sentence about an evaluation loss that has settled; "" while it has not, or is not to end the run."""
    asked = training.settings.evaluation
    if not asked.stop_below:
        return ""
    losses = [loss for _, loss in sorted(training.evaluated.items())]
    if not has_settled(losses, asked.stop_window, asked.stop_below):
        return ""
    return REASON.format(window=asked.stop_window, share=asked.stop_below)
