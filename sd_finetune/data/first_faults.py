"""Many faults of one kind, shortened to what a person reads."""

from __future__ import annotations

from collections.abc import Sequence

from ..counted import counted

MOST_FAULTS = 10
"""Files that cannot be used and are named."""


def first_faults(faults: Sequence[str], what: str) -> list[str]:
    """The first of many sentences, and how many more there are. what: a thing that one of them is about, "mask"."""
    more = len(faults) - MOST_FAULTS
    rest = [f"{counted(more, f'more {what}')} cannot be used either."] if more > 0 else []
    return [*faults[:MOST_FAULTS], *rest]
