"""ADOPT (arXiv 2411.02853, algorithm 2): AdamW that divides a gradient by the squares of the ones before it alone.

So it converges with any beta2. Its first step moves nothing, as there are no squares yet. Normalized gradients are
clipped to the fourth root of the step's number.
"""

from __future__ import annotations

from .packaged import Packaged


class Adopt(Packaged):
    """pytorch_optimizer.ADOPT."""
