"""Which layers of a model get LoRA layers, and of which rank.

LayerRanks(settings).of(part, path, kind) -> rank, 0 for none
"""

from __future__ import annotations

import re

from .blocks import beginning_of, block_values
from .options import Settings


class LayerRanks:
    """The choice of the settings: `lora.targets`, `pattern`, `rank`, `conv_rank` and `block_ranks`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._blocks = block_values(settings.lora.block_ranks)
        self._pattern = re.compile(settings.lora.pattern) if settings.lora.targets == "pattern" else None

    def of(self, part: str, path: str, kind: str | None) -> int:
        """Of the layer at `path` in a part. kind: as `families.family.LayerKind`; None: it never has one."""
        rank = self._settings.lora_rank_of(kind) if kind else 0
        if not rank or (self._pattern and not self._pattern.search(f"{part}.{path}")):
            return 0
        block = beginning_of(part, path, self._blocks)
        return int(self._blocks[block]) if block else rank

    def option_of(self, part: str, path: str, kind: str) -> str:
        """The name of the option that the rank of such a layer is from."""
        if beginning_of(part, path, self._blocks):
            return "lora.block_ranks"
        is_inside = kind in ("attention", "mlp") or not self._settings.lora.conv_rank
        return "lora.rank" if is_inside else "lora.conv_rank"
