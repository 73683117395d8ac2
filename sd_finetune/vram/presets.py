"""Settings for GPUs of each size: what saves VRAM, in rows of a table, the expected peak and speed of each.

A row is for batch size 1 at 512 pixels with class images in each step (prior preservation) and samples, of a model of
Stable Diffusion 1's size. Its peak is the whole GPU's use as `estimate` has it, in GB of 2^30 bytes. `slower` is the
time of a step relative to that of the method's fastest row: measured on one NVIDIA H200 (torch 2.11, bf16, 512 pixels,
batch size 1, no class images: DreamBooth 155 ms with AdamW, 195 with Adafactor, 282 with bf16 weights, 646 with the
optimizer in the backward pass and gradient checkpointing), else estimated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..settings.methods import METHODS

SIZES = (4, 6, 8, 10, 12, 16, 24)
"""GB of VRAM, as on the box of a GPU."""
USABLE = 0.94
"""Share of the VRAM: the rest is for the desktop and other programs."""

CHECKPOINTING_SLOWER = 0.7
"""What gradient checkpointing adds to `slower`: one more forward pass (105 of 155 ms on the H200)."""

PLAIN = {
    "train.gradient_checkpointing": False,
    "train.weights": "fp32",
    "train.fused_backward": False,
    "data.cache_latents": "ram",
}
"""Of every row, unless it says otherwise."""
CHECKPOINTED = {"train.gradient_checkpointing": True}
ONE_AT_A_TIME = {"class_images.batch_size": 1}
SMALL_SAMPLES = {"samples.width": 384, "samples.height": 384}
"""The VAE decodes in fp32 where there is no bf16."""
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
    """Where nothing fits: the method that does."""

    @property
    def checkpoints(self) -> bool:
        return bool(self.settings["train.gradient_checkpointing"])

    @property
    def settings(self) -> dict[str, Any]:
        """All that it sets, by full name."""
        return {"train.mixed_precision": self.precision, **PLAIN, **self.saves}


BF16 = (
    Preset("lora", "bf16", (4,), {**CHECKPOINTED, **ONE_AT_A_TIME}, 3.3, 1.7),
    Preset("lora", "bf16", (6, 8, 10, 12, 16, 24), {}, 4.8, 1, measured=True),
    Preset("textual_inversion", "bf16", (4,), {**CHECKPOINTED, **ONE_AT_A_TIME}, 3.2, 1.7),
    Preset("textual_inversion", "bf16", (6, 8, 10, 12, 16, 24), {}, 4.4, 1, measured=True),
    Preset("hypernetwork", "bf16", (4,), {**CHECKPOINTED, **ONE_AT_A_TIME}, 3.5, 1.7),
    Preset("hypernetwork", "bf16", (6, 8, 10, 12, 16, 24), {}, 4.7, 1, measured=True),
    Preset(
        "dreambooth", "bf16", (4,),
        {**FACTORED, **BF16_WEIGHTS, **FUSED, **CHECKPOINTED, **ONE_AT_A_TIME}, 3.4, 4.2, measured=True,
    ),
    Preset("dreambooth", "bf16", (6, 8, 10), {**FACTORED, **BF16_WEIGHTS}, 5.1, 1.8, measured=True),
    Preset("dreambooth", "bf16", (12,), FACTORED, 10.2, 1.3, measured=True),
    Preset("dreambooth", "bf16", (16,), BF16_WEIGHTS, 11.9, 1.6),
    Preset("dreambooth", "bf16", (24,), {}, 17.0, 1, measured=True),
)  # fmt: skip
FP16 = (
    Preset("lora", "fp16", (4,), {**CHECKPOINTED, **ONE_AT_A_TIME, **SMALL_SAMPLES}, 3.7, 1.7),
    Preset("lora", "fp16", (6,), ONE_AT_A_TIME, 4.8, 1),
    Preset("lora", "fp16", (8, 10, 12, 16, 24), {}, 6.7, 1),
    Preset("textual_inversion", "fp16", (4,), {**CHECKPOINTED, **ONE_AT_A_TIME, **SMALL_SAMPLES}, 3.7, 1.7),
    Preset("textual_inversion", "fp16", (6,), ONE_AT_A_TIME, 4.4, 1),
    Preset("textual_inversion", "fp16", (8, 10, 12, 16, 24), {}, 6.7, 1),
    Preset("hypernetwork", "fp16", (4,), {**CHECKPOINTED, **ONE_AT_A_TIME, **SMALL_SAMPLES}, 3.7, 1.7),
    Preset("hypernetwork", "fp16", (6,), ONE_AT_A_TIME, 4.7, 1),
    Preset("hypernetwork", "fp16", (8, 10, 12, 16, 24), {}, 6.7, 1),
    Preset("dreambooth", "fp16", (4, 6, 8), instead="lora"),
    Preset("dreambooth", "fp16", (10,), {**FACTORED, **CHECKPOINTED}, 9.2, 2),
    Preset("dreambooth", "fp16", (12, 16), FACTORED, 10.2, 1.3),
    Preset("dreambooth", "fp16", (24,), {}, 17.0, 1),
)  # fmt: skip
"""For GPUs before compute capability 8.0: no weights in bf16, and a loss scale that needs all gradients at once."""
PRESETS = (*BF16, *FP16)


def speed_words(row: Preset, checkpointing: bool) -> str:
    """How fast a row's steps are, in a sentence. checkpointing: whether that is on, which the row may leave off."""
    slower = row.slower if row.checkpoints or not checkpointing else row.slower + CHECKPOINTING_SLOWER
    if slower == 1:
        return "Its steps are the fastest of the method."
    known = "as measured" if row.measured and row.checkpoints == checkpointing else "by estimate"
    return f"Its steps take {slower:g} times as long as the fastest of the method, {known}."


def preset_for(method: str, gigabytes: float, bf16: bool = True) -> Preset:
    """The row of a method for the largest size that a GPU of `gigabytes` has, or for the smallest one."""
    precision = "bf16" if bf16 else "fp16"
    size = max([size for size in SIZES if size <= gigabytes], default=SIZES[0])
    return next(row for row in PRESETS if (row.method, row.precision) == (method, precision) and size in row.sizes)


def rows_of(method: str, bf16: bool) -> list[Preset]:
    """The rows of a method, the one for the largest GPU first."""
    precision = "bf16" if bf16 else "fp16"
    found = [row for row in PRESETS if (row.method, row.precision) == (method, precision)]
    return sorted(found, key=lambda row: -max(row.sizes))


@dataclass(frozen=True)
class Line:
    """A size of the table, in words."""

    size: int
    row: Preset

    @property
    def peak_words(self) -> str:
        return f"{self.row.peak:.1f} GB" if self.row.peak else "nothing fits"

    @property
    def speed_words(self) -> str:
        if self.row.instead:
            return f"train {METHODS[self.row.instead].title}"
        known = self.row.measured or self.row.slower == 1
        return f"{self.row.slower:g}{'' if known else ' (estimated)'}"

    @property
    def saves_words(self) -> str:
        """What the row sets to save VRAM."""
        return ", ".join(f"{name} = {json.dumps(value)}" for name, value in self.row.saves.items()) or "plain settings"


def table(method: str, precision: str) -> list[Line]:
    """A line for each size."""
    return [Line(size, preset_for(method, size, precision == "bf16")) for size in SIZES]


def every_row() -> list[tuple[int, Preset]]:
    """Each size of each method and precision, with its row, in order."""
    return [(size, preset_for(method, size, bf16)) for bf16 in (True, False) for method in METHODS for size in SIZES]
