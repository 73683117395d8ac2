"""Prodigy (arXiv 2306.06101, algorithm 4): AdamW that finds its learning rate while training.

That rate, `d`, starts at 1e-6 and only grows, by how far weights have come along their gradients. All groups share it.
"""

from __future__ import annotations

from .optimizer import Group
from .packaged import Packaged


class Prodigy(Packaged):
    """pytorch_optimizer.Prodigy."""

    @staticmethod
    def applied_learning_rate(group: Group) -> float:
        """d times the learning rate asked for; d is what the last step found."""
        return group["d"] * group["lr"]
