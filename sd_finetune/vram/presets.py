"""Settings for GPUs of each size: what saves VRAM, the peak and the speed, in rows that each family's `presets.py` has.

A row's peak is the whole GPU's use as `estimate` has it, in GB of 2^30 bytes. `slower` is the time of a step relative
to that of the method's fastest row.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..families.presets import Preset, PresetTable
from ..families.table import DEFAULT_FAMILY, FAMILIES
from ..settings.methods import METHODS

SIZES = (4, 6, 8, 10, 12, 16, 24)
"""GB of VRAM, as on the box of a GPU."""
USABLE = 0.94
"""Share of the VRAM: the rest is for the desktop and other programs."""

CHECKPOINTING_SLOWER = 0.7
"""What gradient checkpointing adds to `slower`: one more forward pass (105 of 155 ms on the H200)."""
USUAL: PresetTable = FAMILIES[DEFAULT_FAMILY].memory.presets


def speed_words(row: Preset, checkpointing: bool) -> str:
    """How fast a row's steps are, in a sentence. checkpointing: whether that is on, which the row may leave off."""
    slower = row.slower if row.checkpoints or not checkpointing else row.slower + CHECKPOINTING_SLOWER
    if slower == 1:
        return "Its steps are the fastest of the method."
    known = "as measured" if row.measured and row.checkpoints == checkpointing else "by estimate"
    return f"Its steps take {slower:g} times as long as the fastest of the method, {known}."


def preset_for(method: str, gigabytes: float, bf16: bool = True, presets: PresetTable = USUAL) -> Preset:
    """The row of a method for the largest size that a GPU of `gigabytes` has, or for the smallest one."""
    size = max([size for size in SIZES if size <= gigabytes], default=SIZES[0])
    return next(row for row in presets.of(method, bf16) if size in row.sizes)


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
        if not self.row.peak:
            return f"train {METHODS[self.row.instead].title}" if self.row.instead else ""
        known = self.row.measured or self.row.slower == 1
        return f"{self.row.slower:g}{'' if known else ' (estimated)'}"

    @property
    def saves_words(self) -> str:
        """What the row sets to save VRAM."""
        return ", ".join(f"{name} = {json.dumps(value)}" for name, value in self.row.saves.items()) or "plain settings"


def table(method: str, precision: str, presets: PresetTable = USUAL) -> list[Line]:
    """A line for each size."""
    return [Line(size, preset_for(method, size, precision == "bf16", presets)) for size in SIZES]
