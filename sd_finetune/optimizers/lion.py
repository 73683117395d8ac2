"""Lion (arXiv 2302.06675, algorithm 2): steps of one size, by the sign of a moment."""

from __future__ import annotations

from .packaged import Packaged


class Lion(Packaged):
    """pytorch_optimizer.Lion."""
