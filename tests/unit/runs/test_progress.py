from __future__ import annotations

import io

import pytest

from sd_finetune.runs.messages import Done, Error, Evaluation, Event, Phase, Sample, Saved, Step, Warning_
from sd_finetune.runs.progress import Progress, event_text, step_text


def step(number: int, prior_loss: float | None = None) -> Step:
    return Step(number, 100, 1, 0.12345, 0.1, prior_loss, {"unet": 1e-4}, 2.94, 271.0, 0)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, events: list[Event], seconds_between_lines: float = 10.0) -> str:
    with Progress(stream, seconds_between_lines) as progress:
        for event in events:
            progress.show(event)
    return stream.getvalue()


def test_step_text() -> None:
    assert step_text(step(1)) == "loss 0.1235 · 2.9 images/s · 04:31 left"
    assert step_text(step(1, prior_loss=0.05)) == "loss 0.1235 (class 0.0500) · 2.9 images/s · 04:31 left"


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Evaluation(10, 0.125), "evaluation loss after 10 steps: 0.1250"),
        (Sample(10, "samples/a.png", "a dog", 7), "sample after 10 steps: samples/a.png"),
        (Saved(10, "snapshot", "/x"), "saved snapshot: /x"),
        (Warning_("a.png is broken"), "warning: a.png is broken"),
        (Done(10, "stopped"), "stopped after 10 steps"),
        (Error("left to the caller"), ""),
    ],
)
def test_event_text(event: Event, text: str) -> None:
    assert event_text(event) == text


def test_without_a_terminal_lines_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000, 3000))  # each look at it is a second later
    monkeypatch.setattr("sd_finetune.runs.progress.time.monotonic", lambda: next(clock))
    events: list[Event] = [Phase("encoding", 1, 3), Phase("encoding", 2, 3), Phase("encoding", 3, 3)]
    text = shown(io.StringIO(), [*events, *(step(number) for number in range(1, 101))])
    lines = [line.split("  ")[0] for line in text.splitlines()]
    assert lines[:3] == ["encoding: 1 of 3", "encoding: 3 of 3", "training: 1 of 100"]
    assert lines[-1] == "training: 100 of 100"
    assert 8 <= len(lines) <= 15
    assert "\r" not in text


def test_without_a_pause_every_step_is_told() -> None:
    lines = shown(io.StringIO(), [step(number) for number in range(1, 101)], seconds_between_lines=0.0).splitlines()
    assert [line.split("  ")[0] for line in lines] == [f"training: {number} of 100" for number in range(1, 101)]


def test_on_a_terminal_a_bar_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    events = [Phase("encoding", 1, 2), Phase("encoding", 2, 2), step(1), Warning_("careful"), step(50, prior_loss=0.05)]
    text = shown(Terminal(), events)
    states = [state.strip() for state in text.replace("\n", "\r").split("\r") if state.strip()]
    assert any(state.startswith("encoding |") and state.endswith("| 2/2") for state in states)
    assert "warning: careful" in states
    assert states[-1] == "training |##########          | 50/100, loss 0.1235 · 2.9 images/s · 04:31 left"
