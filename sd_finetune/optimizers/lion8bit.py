"""Lion (arXiv 2302.06675, algorithm 2): steps of one size, by the sign of a moment that takes a byte."""

from __future__ import annotations

from .packaged import Packaged


class Lion8bit(Packaged):
    """bitsandbytes.optim.Lion8bit. Parameters of fewer than 4,096 values keep the moment in fp32."""
