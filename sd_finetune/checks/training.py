"""What keeps a run from training, and not from generating class images or trying learning rates."""

from __future__ import annotations

from ..runs.result_paths import place_faults
from ..settings.options import Settings
from .room import room_faults


def training_faults(settings: Settings, steps: int) -> dict[str, str]:
    """By the option's name: where results go, and the room that the run needs. A `checks.check.Further`."""
    return {**place_faults(settings), **(room_faults(settings) if steps else {})}
