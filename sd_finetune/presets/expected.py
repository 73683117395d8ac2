"""What a preset tells to expect: steps, VRAM, time, and the loss on the toy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ..families.facts import FamilyFacts
from ..families.table import FAMILIES
from ..reading.plain import finite, numbers, whole
from ..settings.base_defaults import BaseDefaults, resolved_for
from ..settings.options import Settings
from ..vram.changes import with_changes
from ..vram.estimate import GIB, needed_bytes
from ..vram.fitting import ways
from ..vram.presets import SIZES

TOLD_IN = {"train.mixed_precision": "bf16"}
"""What the VRAM is told for: a GPU computes in half precision, whatever else it is fitted to."""

Range = tuple[float, float]
"""The least and the most."""


@dataclass(frozen=True)
class Expected:
    """Each None or empty where nobody has told it.

    steps: of a run. time: of the whole run relative to that of the method's default preset. vram: GB of 2^30 bytes by
    family, at that family's resolution in bf16: with all that saves VRAM but leaves alone what is trained, and with
    nothing that does. toy_loss: the least and the largest mean loss of the first steps on the toy.
    """

    steps: int | None = None
    time: float | None = None
    vram: Mapping[str, Range] = field(default_factory=dict[str, Range])
    toy_loss: Range | None = None


def estimated_vram(settings: Settings) -> dict[str, Range]:
    """GB of VRAM, by family, with the settings of a preset, as `Expected` has it."""
    return {name: _estimate(settings, facts) for name, facts in FAMILIES.items()}


def _estimate(settings: Settings, facts: FamilyFacts) -> Range:
    defaults = BaseDefaults(facts.memory.presets.side, facts.learning_rates)
    plain = resolved_for(with_changes(settings, TOLD_IN), defaults)
    most, encoder = needed_bytes(plain, facts.memory), plain.train.train_text_encoder
    found = ways(plain, SIZES[-1], True, facts.memory)
    least = min((way.needed for way in found if way.settings.train.train_text_encoder == encoder), default=most)
    return round(min(least, most) / GIB, 1), round(most / GIB, 1)


def expected_in(table: Mapping[str, Any]) -> Expected:
    """What a checked table [expected] tells."""
    vram = {name: found for name in FAMILIES if (found := _range_in(table, f"vram_{name}"))}
    return Expected(whole(table.get("steps")), finite(table.get("time")), vram, _range_in(table, "toy_loss"))


def _range_in(table: Mapping[str, Any], name: str) -> Range | None:
    found = numbers(table.get(name))
    return (float(found[0]), float(found[1])) if len(found) == 2 else None


def expected_table(expected: Expected) -> dict[str, Any]:
    """The table [expected], empty where nothing is told."""
    told: dict[str, Any] = {"steps": expected.steps, "time": expected.time}
    told |= {f"vram_{name}": list(found) for name, found in expected.vram.items()}
    told |= {"toy_loss": list(expected.toy_loss) if expected.toy_loss else None}
    return {name: value for name, value in told.items() if value is not None}


def expected_faults(table: Any) -> Iterator[str]:
    """A sentence for each thing that is wrong with a table [expected]."""
    if not isinstance(table, dict):
        yield "expected is not valid: use a table."
        return
    content = cast("dict[str, Any]", table)
    single, ranges = {"steps", "time"}, {"toy_loss", *(f"vram_{name}" for name in FAMILIES)}
    for name in content.keys() - single - ranges:
        yield f"expected.{name[:100]} is not known: remove it."
    for name in content.keys() & single:
        value = whole(content[name]) if name == "steps" else finite(content[name])
        if value is None or isinstance(content[name], str) or value <= 0:
            yield f"expected.{name} is not valid: use a number above 0."
    for name in content.keys() & ranges:
        found = numbers(content[name])
        if len(found) != 2 or not 0 < found[0] <= found[1]:
            yield f"expected.{name} is not valid: use the least and the most, as [0.1, 0.3]."
