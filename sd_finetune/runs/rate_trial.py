"""What a trial of learning rates has found: its curve, and the learning rate that it suggests."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .folder import RunFolder
from .messages import Trial, read_events

KEPT = 0.7
"""Of the smoothed loss in each step."""
LEAST_FALL = 0.01
"""Of the smoothed loss, as a share of the first one, below which nothing is learned that a suggestion could go by."""
BELOW_THE_LEAST = 0.1
"""The suggestion is at most this share of the learning rate at which the loss is least, as that is the last to help."""
DIVERGED = 2.0
"""The loss of a trial that has diverged, as a multiple of the least."""

Point = tuple[float, float]
"""A learning rate, and the loss after its step."""


def points_of(run: RunFolder) -> list[Point]:
    """What a trial has tried so far."""
    events, _ = read_events(run.events)
    return [(event.learning_rate, event.loss) for event in events if isinstance(event, Trial)]


def smoothed(losses: Sequence[float]) -> list[float]:
    """Exponential moving averages without the bias of their start."""
    found: list[float] = []
    average = 0.0
    for count, loss in enumerate(losses, start=1):
        average = KEPT * average + (1 - KEPT) * loss
        found.append(average / (1 - KEPT**count))
    return found


def has_diverged(losses: Sequence[float]) -> bool:
    """Whether higher learning rates need not be tried."""
    return not math.isfinite(losses[-1]) or losses[-1] > DIVERGED * min(losses)


def suggestion(points: Sequence[Point]) -> float | None:
    """The smaller of two: where the smoothed loss falls most steeply, and a tenth of where it is least, as in fastai.

    With two digits; None where the loss has not fallen.
    """
    points = [(rate, loss) for rate, loss in points if math.isfinite(loss)]
    if len(points) < 3:
        return None
    losses = smoothed([loss for _, loss in points])
    least = losses.index(min(losses))
    if losses[0] - losses[least] < LEAST_FALL * losses[0]:
        return None
    falls = [_fall(points, losses, k) for k in range(1, least + 1)]
    steepest = 1 + falls.index(max(falls))
    return float(f"{min(points[steepest][0], BELOW_THE_LEAST * points[least][0]):.1e}")


def _fall(points: Sequence[Point], losses: Sequence[float], k: int) -> float:
    """How far the loss falls at a point, for each multiple of the learning rate."""
    return (losses[k - 1] - losses[k]) / math.log(points[k][0] / points[k - 1][0])
