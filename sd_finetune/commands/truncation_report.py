"""Reports how much of a change the layers of a LoRA keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..tools.svd import Truncation

WORST = 5
"""How many layers are listed."""


def kept_text(truncations: Mapping[str, Truncation]) -> str:
    """The share of the Frobenius norm that all layers together keep, and the layers that keep least."""
    from ..tools.svd import share_of_all

    worst = sorted(truncations, key=lambda name: truncations[name].share)[:WORST]
    rows = [f"  {truncations[name].share:7.2%}  {name}" for name in worst]
    kept = share_of_all(truncations.values())
    return "\n".join([f"{kept:.2%} of the norm of the change is kept, least in", *rows])
