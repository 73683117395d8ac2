"""What a family's presets for GPUs of each size are made of. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PLAIN = {
    "train.gradient_checkpointing": False,
    "train.weights": "fp32",
    "train.frozen_weights": "as_computed",
    "train.fused_backward": False,
    "data.cache_latents": "ram",
}
"""Of every row, unless it says otherwise."""
CHECKPOINTED = {"train.gradient_checkpointing": True}
ONE_AT_A_TIME = {"class_images.batch_size": 1}
IN_8_BITS = {"train.frozen_weights": "int8"}
BF16_WEIGHTS = {"train.weights": "bf16"}
FACTORED = {"optimizer.name": "adafactor"}
FUSED = {"train.fused_backward": True, "train.clip_by": "parameter_norm"}


@dataclass(frozen=True)
class Preset:
    """One row: what to set for a method on GPUs of `sizes` GB. precision: "fp16" for those that lack bf16."""

    method: str
    precision: str
    sizes: tuple[int, ...]
    saves: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Settings by their full names that save VRAM."""
    peak: float = 0
    """GB of VRAM that it is expected to take; 0 where nothing fits."""
    slower: float = 1
    measured: bool = False
    """Whether `slower` was measured."""
    instead: str = ""
    """Where nothing fits: the method that does, empty if none."""

    @property
    def checkpoints(self) -> bool:
        return bool(self.settings["train.gradient_checkpointing"])

    @property
    def settings(self) -> dict[str, Any]:
        """All that it sets, by full name."""
        return {"train.mixed_precision": self.precision, **PLAIN, **self.saves}


def samples_of(side: int) -> Mapping[str, Any]:
    """Smaller samples: decoding one takes the VAE more than the rest, and twice that where there is no bf16."""
    return {"samples.width": side, "samples.height": side}


@dataclass(frozen=True)
class PresetTable:
    """The rows of a family, for batch size 1 and samples.

    side: resolution in pixels. with_class_images: whether a class image is in each step (prior preservation).
    """

    rows: tuple[Preset, ...]
    side: int
    with_class_images: bool

    def of(self, method: str, bf16: bool) -> list[Preset]:
        """The rows of a method, the one for the largest GPU first."""
        precision = "bf16" if bf16 else "fp16"
        found = [row for row in self.rows if (row.method, row.precision) == (method, precision)]
        return sorted(found, key=lambda row: -max(row.sizes))
