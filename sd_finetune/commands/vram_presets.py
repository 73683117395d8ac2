"""`--preset 6gb` of the command line, for the VRAM of a GPU, and the list of these presets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product

from ..errors import UserError
from ..families.presets import Preset
from ..families.table import FAMILIES
from ..formats.known_base import memory_of
from ..settings.methods import METHODS
from ..settings.options import Settings
from ..vram.changes import differences
from ..vram.estimate import needed_bytes
from ..vram.fitting import preset_changes
from ..vram.presets import SIZES, preset_for, table
from ..vram.savings import gigabytes

FORM = re.compile(r"(?P<size>[0-9]+)gb(?P<old>-fp16)?", re.IGNORECASE)
RULE = f"one of {', '.join(f'{size}gb' for size in SIZES)}, with -fp16 behind it for a GPU without bf16"


def is_vram_preset(asked: str) -> bool:
    """Whether it is the name of a size, whether there is that size or not."""
    return bool(FORM.fullmatch(asked.strip()))


def vram_overrides(settings: Settings, asked: str) -> list[str]:
    """What a size sets in these settings, as overrides. Raises UserError for one that does not exist or fit."""
    row = _row(settings, asked)
    if not row.peak:
        way_out = f'set method = "{row.instead}" instead' if row.instead else "use a GPU with more VRAM"
        raise UserError(f"--preset {asked}: nothing trains {settings.method} in so little VRAM: {way_out}.")
    changes = preset_changes(settings, row)
    if changes is None:
        name = settings.optimizer.name
        raise UserError(
            f'--preset {asked} is for a smaller optimizer than optimizer.name = "{name}", whose learning rates mean '
            "nothing to another one: choose another preset or optimizer."
        )
    return [f"{name}={json.dumps(value)}" for name, value in differences(settings, changes).items()]


def about_vram_preset(settings: Settings, asked: str) -> str:
    """What is told of the settings that came of a size."""
    row = _row(settings, asked)
    set_to = ", ".join(f"{name} = {json.dumps(value)}" for name, value in row.settings.items())
    return f"preset {asked}: {set_to}; needs about {gigabytes(needed_bytes(settings, memory_of(settings)))} of VRAM"


def list_of_vram_presets() -> Iterator[str]:
    """The table, a line for each row."""
    for facts, method, precision in product(FAMILIES.values(), METHODS, ("bf16", "fp16")):
        yield f"{facts.title}, {METHODS[method].title}, {precision}:"
        for row in table(method, precision, facts.memory.presets):
            yield f"  {row.size:>2} GB  {row.peak_words:>16}  {row.speed_words:>18}  {row.saves_words}"


def _row(settings: Settings, asked: str) -> Preset:
    found = FORM.fullmatch(asked.strip())
    if not found or int(found["size"]) not in SIZES:
        raise UserError(f'--preset "{asked}" is not valid: use {RULE}, or a name that `presets` lists.')
    presets = memory_of(settings).presets
    return preset_for(settings.method, int(found["size"]), not found["old"], presets)
