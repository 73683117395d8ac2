"""What a preset tells to expect, in words, with where each figure is from."""

from __future__ import annotations

from ..families.table import FAMILIES
from .expected import Expected


def expected_words(expected: Expected) -> list[str]:
    """A sentence for each thing that is told."""
    found: list[str] = []
    if expected.steps:
        found.append(f"Expect {expected.steps:,} steps{_time_words(expected)}.")
    needs = [f"{most:.1f} GB with {FAMILIES[name].title} ({_least(low, most)})" for name, (low, most) in
             expected.vram.items()]  # fmt: skip
    if needs:
        found.append(f"VRAM, estimated, in bf16: {', '.join(needs)}.")
    if expected.toy_loss:
        least, most = expected.toy_loss
        found.append(f"Mean loss of the first steps on the toy: {least:g} to {most:g}, as measured.")
    return found


def _time_words(expected: Expected) -> str:
    """The time of a run."""
    if expected.time is None:
        return ""
    if expected.time == 1:
        return ", which the time of the method's other presets is measured by"
    return f", which take {expected.time:g} times as long as the method's default preset, as measured on the toy"


def _least(low: float, most: float) -> str:
    return f"{low:.1f} GB when fitted" if low < most else "not to be saved any"
