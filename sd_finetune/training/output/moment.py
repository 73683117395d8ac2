"""When a run saves a result."""

from __future__ import annotations

from math import ceil

from ...runs.result_paths import Moment
from ..state import Training


def moment_of(training: Training, step: int, is_final: bool) -> Moment:
    """Of a result that is saved after `step` steps."""
    return Moment(step, ceil(step / max(1, training.batches.steps_per_epoch)), is_final)
