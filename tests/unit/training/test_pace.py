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


def paced(clock: list[float], *durations: float) -> progress.Pace:
    """After steps of so many seconds with 2 images each."""
    pace = progress.Pace()
    for seconds in durations:
        pace.start()
        clock[0] += seconds
        pace.stop(images=2)
    return pace


def test_the_first_steps_count_until_there_are_others(clock: list[float]) -> None:
    """They load, compile and capture."""
    slow = [60.0, 5.0, 1.0, 1.0, 1.0]
    assert paced(clock, *slow).seconds_left(5) == pytest.approx(68)
    assert paced(clock, *slow, 2.0).seconds_left(5) == pytest.approx(10), "the first is left out"
    pace = paced(clock, *slow, *[2.0] * 5)
    assert (pace.seconds_left(10), pace.images_per_second()) == (pytest.approx(20), pytest.approx(1))
    assert paced(clock, *slow, *[2.0] * 28).seconds_left(10) == pytest.approx(20), "of 30, the first 2 of all are gone"


def test_a_step_in_which_the_machine_slept_does_not_count(clock: list[float]) -> None:
    pace = paced(clock, *[0.5] * 20, 8 * 3600, *[0.5] * 5)
    assert (pace.seconds_left(10), pace.images_per_second()) == (pytest.approx(5), pytest.approx(4))


def test_a_step_that_waits_for_those_before_it_counts(clock: list[float]) -> None:
    """As before samples: a GPU is given steps ahead, which take next to no time until then."""
    pace = paced(clock, *([0.01] * 4 + [1.0] * 5 + [4.96]) * 6)
    assert pace.seconds_left(10) == pytest.approx(10)


def test_only_the_last_steps_count(clock: list[float]) -> None:
    pace = progress.Pace(remembered_steps=2)
    for seconds in (50.0, 1.0, 1.0):
        pace.start()
        clock[0] += seconds
        pace.stop(images=1)
    assert pace.seconds_left(3) == pytest.approx(3)
