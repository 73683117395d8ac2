from __future__ import annotations

from sd_finetune.settings.duration import Interval
from sd_finetune.training.intervals import Intervals


def test_steps_and_epochs_are_counted() -> None:
    intervals = Intervals(steps_per_epoch=3)
    assert [step for step in range(1, 10) if intervals.is_due("a", Interval(4), step)] == [4, 8]
    assert [step for step in range(1, 10) if intervals.is_due("a", Interval(1, "epochs"), step)] == [3, 6, 9]
    assert not any(intervals.is_due("a", Interval(0, "minutes"), step) for step in range(1, 10))


def test_minutes_count_from_the_last_time_each_thing_by_itself() -> None:
    now = 100.0
    intervals = Intervals(steps_per_epoch=3, clock=lambda: now)
    due: list[tuple[float, str]] = []
    for now in (130.0, 160.0, 190.0, 225.0, 340.0, 345.0):
        for name, minutes in (("samples", 1), ("result", 2)):
            if intervals.is_due(name, Interval(minutes, "minutes"), 7):
                due.append((now, name))
    assert due == [(160.0, "samples"), (225.0, "samples"), (225.0, "result"), (340.0, "samples"), (345.0, "result")]
