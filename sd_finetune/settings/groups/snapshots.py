"""The group [snapshots]."""

from __future__ import annotations

from dataclasses import dataclass

from ..duration import Interval
from ..option import option


@dataclass(frozen=True)
class Snapshots:
    """What a stopped or broken run resumes from: trained weights and optimizer, in the run folder. Not results."""

    every_minutes: float = option(
        10.0,
        "write a snapshot when the last one is this old, so that no more work is lost; 0 = not by time",
        unit="minutes",
        minimum=0,
    )
    every: Interval = option(
        Interval(0), "also write a snapshot at this interval of training; 0 = only by time and at a stop", minimum=0
    )
    keep: int = option(2, "number of snapshots kept, the latest; older ones are removed", minimum=1)
    at_end: bool = option(
        False,
        "keep a snapshot of the last step, from which longer training can continue with the optimizer as it was; "
        "otherwise the snapshots of a finished run are removed",
    )
