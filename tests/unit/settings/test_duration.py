from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_finetune.settings.duration import Duration, Interval

durations = st.builds(Duration, st.integers(0, 10**9), st.sampled_from(["steps", "epochs"]))


@given(durations)
def test_written_form_reads_back(duration: Duration) -> None:
    assert Duration.parse(str(duration)) == duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("400 steps", Duration(400, "steps")),
        ("1 epoch", Duration(1, "epochs")),
        ("10epochs", Duration(10, "epochs")),
        (" 1 step ", Duration(1, "steps")),
        ("0", Duration(0, "steps")),
    ],
)
def test_ways_to_write(text: str, duration: Duration) -> None:
    assert Duration.parse(text) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [(Duration(0), "0 steps"), (Duration(1), "1 step"), (Duration(1, "epochs"), "1 epoch"), (Duration(2), "2 steps")],
)
def test_written_form(duration: Duration, text: str) -> None:
    assert str(duration) == text


@pytest.mark.parametrize("text", ["", "5", "-1 steps", "1.5 epochs", "3 hours", "steps", "1,000 steps", "٣ steps"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        Duration.parse(text)


@given(durations, st.integers(1, 10**6))
def test_steps(duration: Duration, steps_per_epoch: int) -> None:
    expected = duration.amount if duration.unit == "steps" else duration.amount * steps_per_epoch
    assert duration.steps(steps_per_epoch) == expected


def test_an_interval_can_be_minutes_and_a_length_cannot() -> None:
    assert Interval.parse("20 minutes") == Interval(20, "minutes")
    assert str(Interval.parse("1 minute")) == "1 minute"
    with pytest.raises(ValueError, match="is not a duration"):
        Duration.parse("20 minutes")
