"""How far a phase has got."""

from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.runs.messages import Event
from sd_finetune.training import phases
from sd_finetune.training.phases import telling


def told_of(total: int, monkeypatch: pytest.MonkeyPatch, seconds_each: float) -> list[int]:
    now = [100.0]
    monkeypatch.setattr(phases.time, "monotonic", lambda: now[0])
    events: list[Event] = []
    report = telling("checking images", events.append)
    for done in range(1, total + 1):
        report(done, total)
        now[0] += seconds_each
    numbers: list[dict[str, Any]] = [vars(event) for event in events]
    assert all((each["name"], each["total"]) == ("checking images", total) for each in numbers)
    return [each["done"] for each in numbers]


def test_few_parts_are_all_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told_of(7, monkeypatch, 0.001) == list(range(1, 8))


def test_of_many_parts_five_a_second_are_told_and_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    told = told_of(10_000, monkeypatch, 0.001)
    assert (told[0], told[-1]) == (1, 10_000)
    assert 45 <= len(told) <= 55
    assert told_of(1000, monkeypatch, 1.0) == list(range(1, 1001))
