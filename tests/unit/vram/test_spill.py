"""The driver spills: the VRAM is full, and steps are slow. One sign alone is none."""

from __future__ import annotations

import pytest

from sd_finetune.vram.room import Room
from sd_finetune.vram.spill import BEFORE, SLOW, SpillWatch, is_spilling, slowdown

TOTAL = 8 * 2**30
STEADY = [0.2, 0.21, 0.19] * 4
SLOWER = [1.0, 1.1, 1.2]


@pytest.mark.parametrize(
    ("free", "durations", "spills"),
    [
        (100 * 2**20, [*STEADY, *SLOWER], True),
        (2 * 2**30, [*STEADY, *SLOWER], False),  # another program computes on the GPU
        (100 * 2**20, [*STEADY, 0.2, 0.2, 0.2], False),  # full, and fast
        (100 * 2**20, [*STEADY, 1.0, 0.2, 1.2], False),  # now and then one is slow: a file is written
        (100 * 2**20, [*STEADY[: BEFORE - 1], *SLOWER], False),  # too few to compare with
        (100 * 2**20, [5.0, *STEADY, *SLOWER], True),  # the first step loads kernels
        (100 * 2**20, [], False),
    ],
)
def test_both_signs_are_needed(free: int, durations: list[float], spills: bool) -> None:
    assert is_spilling(free, TOTAL, durations) == spills


def test_the_slowdown_is_that_of_the_fastest_of_the_last_steps() -> None:
    assert slowdown([1.0] * BEFORE + [4.0, 3.0, 5.0]) == 3
    assert slowdown([1.0] * (SLOW + BEFORE - 1)) == 0


def test_it_is_told_once_with_the_way_out_and_asks_only_when_steps_are_slow() -> None:
    asked: list[int] = []
    told: list[str] = []

    def room() -> Room:
        asked.append(1)
        return Room(TOTAL, free=10)

    watch = SpillWatch(room, told.append)
    for seconds in STEADY:
        watch.step(seconds)
    assert asked == []
    for seconds in SLOWER * 3:
        watch.step(seconds)
    assert len(told) == len(asked) == 1
    assert "5 times as long as before" in told[0]
    assert "Prefer No Sysmem Fallback" in told[0]


def test_without_a_gpu_nothing_is_told() -> None:
    told: list[str] = []
    watch = SpillWatch(lambda: None, told.append)
    for seconds in (*STEADY, *SLOWER):
        watch.step(seconds)
    assert told == []
