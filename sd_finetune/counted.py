"""A count of things in words."""

from __future__ import annotations


def counted(count: int, one: str, many: str = "") -> str:
    """As "1 step" or "1,200 steps"; `one` is the word for one of them, `many` its plural where that is not one + s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
