"""How many layers of each size there are to give LoRA layers, at full size. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..settings.algorithms import LayerSize


@dataclass(frozen=True)
class LayerAt:
    """One layer of a checkpoint that a LoRA can stand beside. kind: as `family.LayerKind`."""

    part: str
    path: str
    kind: str
    size: LayerSize


@dataclass(frozen=True)
class LoraLayers:
    """Those of the UNet or of the text encoders, by their kind (`family.LayerKind`).

    counted: for each size how many, outputs, inputs and places of the kernel: "30 320 320 1, 10 320 768 1".
    """

    of_text: bool
    kind: str
    counted: str

    def sizes(self) -> Iterator[tuple[int, LayerSize]]:
        """Each size, and how many layers have it."""
        for entry in self.counted.split(","):
            count, out, into, area = map(int, entry.split())
            yield count, LayerSize(out, into, area)
