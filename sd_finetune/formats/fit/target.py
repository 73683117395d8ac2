"""What is trained on, as far as settings and files to continue from are held against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...families.completeness import layer_name
from ...families.facts import FamilyFacts
from ...families.lora_layers import LayerAt
from ...settings.lora_ranks import LayerRanks
from ...settings.options import Settings

if TYPE_CHECKING:
    from ...families.family import Architecture


@dataclass(frozen=True)
class Target:
    """A base checkpoint. path: of its file. layers: those that a LoRA can stand beside."""

    path: Path
    family: FamilyFacts
    architecture: Architecture
    layers: tuple[LayerAt, ...]

    def trained_layers(self, settings: Settings) -> Iterator[tuple[LayerAt, int]]:
        """The layers that get LoRA layers, and their ranks."""
        ranks = LayerRanks(settings)
        for layer in self.layers:
            rank = ranks.of(layer.part, layer.path, layer.kind)
            if rank and (settings.train.train_text_encoder or layer.part not in self.family.text_encoders):
                yield layer, rank

    def name_of(self, layer: LayerAt) -> str:
        """What a layer is called in a LoRA file."""
        return layer_name(self.family.name, self.architecture, layer.part, layer.path)

    def context_widths(self) -> list[int]:
        """Of all that the UNet's keys and values are computed of, ascending."""
        ends = (".to_k", ".to_v")
        return sorted({each.size.into for each in self.layers if each.part == "unet" and each.path.endswith(ends)})
