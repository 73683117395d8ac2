from __future__ import annotations

import numpy as np
import pytest

from sd_finetune.ui.live.curve import MOST_BINS, Curve


def curve_of(values: list[float]) -> Curve:
    curve = Curve()
    for number, value in enumerate(values, start=1):
        curve.add(number, [value], number)
    return curve


def test_a_short_course_is_kept_as_it_is() -> None:
    assert curve_of([0.5, 0.25, 0.125]).since(0) == [[1, 0.5], [2, 0.25], [3, 0.125]]


def test_a_long_one_is_means_of_neighbours_and_never_larger() -> None:
    values = np.random.default_rng(0).random(20_000)
    curve = curve_of(list(values))
    points = curve.since(0)
    assert MOST_BINS // 2 <= len(points) <= MOST_BINS
    assert curve.stride == 32
    third = values[2 * 32 : 3 * 32].mean()
    assert points[2] == [3 * 32, pytest.approx(third, rel=1e-4)]
    weights = np.diff([0, *(point[0] for point in points)])
    assert np.average([point[1] for point in points], weights=weights) == pytest.approx(values.mean(), rel=1e-4)


def test_only_what_is_new_is_asked_for() -> None:
    curve = curve_of([1.0, 2.0, 3.0])
    assert curve.since(2) == [[3, 3.0]]
    assert curve.since(3) == []


def test_what_is_missing_or_not_finite_counts_for_nothing() -> None:
    curve = Curve()
    curve.add(1, [1.0, None], 1)
    curve.add(2, [float("nan"), 4.0], 2)
    curve.add(3, [float("inf"), 6.0], 3)
    assert curve.since(0) == [[1, 1.0, None], [2, None, 4.0], [3, None, 6.0]]


def test_a_resumed_run_replaces_the_steps_that_it_does_again() -> None:
    curve = curve_of([1.0, 2.0, 3.0, 4.0])
    curve.add(3, [9.0], 5)
    assert curve.since(0) == [[1, 1.0], [2, 2.0], [3, 9.0]]
    assert curve.rebuilt == 5
