"""Schedule-free AdamW (arXiv 2405.15682, algorithm 1).

Gradients are taken at y = (1 - β1) z + β1 x, where z are AdamW's weights and x is their average. The parameters hold y,
the state holds z, and x is what is to be used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from .optimizer import Group
from .packaged import Packaged


class AdamWScheduleFree(Packaged):
    """pytorch_optimizer.ScheduleFreeAdamW."""

    @staticmethod
    def weight_to_use(weight: Tensor, group: Group, state: Mapping[str, Any]) -> Tensor:
        """x for y."""
        return weight.lerp(state["z"], 1 - 1 / group["betas"][0]) if "z" in state else weight
