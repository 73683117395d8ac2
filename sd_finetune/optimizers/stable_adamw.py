"""StableAdamW (arXiv 2304.13013, algorithm 2): AdamW that makes a step shorter where squares are out of date.

The learning rate of each weight is divided by the root mean square of its gradient over what the second moment expects,
where that is above 1.
"""

from __future__ import annotations

from .packaged import Packaged


class StableAdamW(Packaged):
    """pytorch_optimizer.StableAdamW."""
