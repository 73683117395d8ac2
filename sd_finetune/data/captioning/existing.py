"""What becomes of a caption that is there when another one is made."""

from __future__ import annotations

from typing import Literal, get_args

Existing = Literal["keep", "replace", "before", "after"]
EXISTING: tuple[Existing, ...] = get_args(Existing)
"""It is kept, and its image left out; replaced; or the new one is put before or after it."""
