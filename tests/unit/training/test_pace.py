from __future__ import annotations

import pytest

from sd_finetune.training import pace as progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def test_speed_and_time_left(clock: list[float]) -> None:
    pace = progress.Pace()
    assert (pace.images_per_second(), pace.seconds_left(10)) == (0, 0)
    for seconds in (1.0, 3.0):
        pace.start()
        clock[0] += seconds
        pace.stop(images=8)
        clock[0] += 100  # drawing and saving do not count
    assert pace.images_per_second() == pytest.approx(4)
    assert pace.seconds_left(10) == pytest.approx(20)


def test_only_the_last_steps_count(clock: list[float]) -> None:
    pace = progress.Pace(remembered_steps=2)
    for seconds in (50.0, 1.0, 1.0):
        pace.start()
        clock[0] += seconds
        pace.stop(images=1)
    assert pace.seconds_left(3) == pytest.approx(3)
