"""`adamw8bit` whose moments the driver moves into the computer's memory while the GPU is short of its own.

A resumed run holds those that it has read from its snapshot on the GPU.
"""

from __future__ import annotations

from .packaged import Packaged


class PagedAdamW8bit(Packaged):
    """bitsandbytes.optim.PagedAdamW8bit."""
