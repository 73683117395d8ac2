"""AdamW whose moments take a byte each (arXiv 2110.02861), as bitsandbytes has it."""

from __future__ import annotations

from .packaged import Packaged


class AdamW8bit(Packaged):
    """bitsandbytes.optim.AdamW8bit. Parameters of fewer than 4,096 values keep moments in fp32."""
