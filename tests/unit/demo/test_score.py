"""The scores, on readings made by hand."""

from __future__ import annotations

import pytest

from sd_finetune.demo.figures import running_mean, score_table
from sd_finetune.demo.reader import Reading
from sd_finetune.demo.score import Score, class_drift

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
    table = score_table({"base": Score(0, 0, 0, 0, 0), "after training": Score(0.9, 0.5, 0.75, 0.125, 0.01)})
    assert table.splitlines()[2].split()[-5:] == ["90%", "50%", "75%", "12.5%", "1%"]
