"""Adan (arXiv 2208.06677, algorithm 1): AdamW with a moment of how gradients change, which looks a step ahead.

Its decay is the paper's, which divides weights by 1 + learning rate * decay after the step.
"""

from __future__ import annotations

from .packaged import Packaged


class Adan(Packaged):
    """pytorch_optimizer.Adan."""
