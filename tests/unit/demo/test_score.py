"""The scores, on readings made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sd_finetune.demo.figures import running_mean, score_table
from sd_finetune.demo.reader import Reading
from sd_finetune.demo.score import Score, class_drift
from sd_finetune.demo.subjects import SUBJECTS

RED = Reading("star", "red", "small", "navy", False)
BLUE = Reading("star", "blue", "small", "navy", False)
SUBJECT = Reading("star", "yellow", "small", "navy", True)


def test_nothing_moved_is_no_drift():
    assert class_drift([RED, BLUE], [BLUE, RED]) == 0


def test_drift_is_the_mean_over_four_attributes():
    # One of two images changed its color: a distance of 1/2 in color and 0 in the three others.
    assert class_drift([RED, RED], [RED, BLUE]) == 0.5 / 4


def test_the_subject_counts_as_a_colour_of_its_own():
    yellow = Reading("star", "yellow", "small", "navy", False)
    assert class_drift([yellow, yellow], [SUBJECT, SUBJECT]) == 1 / 4


def test_the_running_mean_of_a_constant_is_the_constant():
    assert running_mean([2.0] * 5) == pytest.approx([2.0] * 5)


def test_the_table_has_a_row_for_each_score_in_percent():
    table = score_table({"base": Score(0, 0, 0, 0, 0, 0), "after training": Score(0.9, 0.5, 0.75, 0.125, 0.01, 0.2)})
    assert table.splitlines()[2].split()[-6:] == ["90%", "50%", "75%", "12.5%", "1%", "20%"]


@pytest.mark.parametrize(("apart", "is_tinted"), [(0.0, False), (29.9, False), (30.0, True), (243.0, True)], ids=str)
def test_a_star_is_tinted_by_what_its_halves_differ(apart: float, is_tinted: bool):
    assert SUBJECTS["star"].is_tinted(replace(RED, halves_apart=apart)) == is_tinted


def test_a_ring_is_tinted_by_color_and_background_together():
    ring = Reading("ring", "purple", "large", "mint", False)
    assert SUBJECTS["ring"].is_tinted(ring)
    assert not SUBJECTS["ring"].is_tinted(replace(ring, color="red"))
    assert not SUBJECTS["ring"].is_tinted(replace(ring, background="navy"))
