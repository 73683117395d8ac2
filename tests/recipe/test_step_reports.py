"""Losses are read when they are there, and the GPU is not waited for before that."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sd_finetune.errors import NotFiniteError
from sd_finetune.runs.messages import Event, Sample, Saved, Step
from sd_finetune.training import step_reports
from sd_finetune.training.loop import train
from sd_finetune.training.step_reports import MOST_AHEAD
from tests.toy import Toy, events_of, forget_accelerator, train_and_command

STEPS = 12


class Gpu:
    """A device that has done nothing until it is waited for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waited_for = 0
        """Numbers, at once or in vain, that somebody asked for before they were there."""
        self.most_ahead = 0
        self._given: list[_Late] = []
        monkeypatch.setattr(step_reports, "Arriving", self.give)

    def give(self, tensor: Tensor) -> _Late:
        late = _Late(tensor.clone(), self._wait_for)
        self._given.append(late)
        self.most_ahead = max(self.most_ahead, sum(not given.there for given in self._given))
        return late

    def _wait_for(self, late: _Late) -> None:
        self.waited_for += 1
        for given in self._given[: self._given.index(late) + 1]:
            given.there = True


class _Late:
    def __init__(self, values: Tensor, wait: Callable[[_Late], None]) -> None:
        self.there = False
        self._values, self._wait = values, wait

    def has_arrived(self) -> bool:
        return self.there

    def wait(self) -> list[float]:
        if not self.there:
            self._wait(self)
        return [float(value) for value in self._values]


def changes(**others: object) -> dict[str, object]:
    return {"train.length": f"{STEPS} steps", "samples.at_start": False, **others}


def test_every_step_is_told_as_if_each_had_been_waited_for(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = toy.train(changes())
    gpu = Gpu(monkeypatch)
    late = toy.train(changes())
    assert [e.loss for e in events_of(late.run, Step)] == [e.loss for e in events_of(plain.run, Step)]
    assert [e.learning_rates for e in events_of(late.run, Step)] == [
        e.learning_rates for e in events_of(plain.run, Step)
    ]
    assert late.run.loss_csv.read_text(encoding="utf-8").count("\n") == STEPS + 1
    assert gpu.most_ahead == MOST_AHEAD + 1
    assert gpu.waited_for == STEPS - MOST_AHEAD + 1, "once for each beyond those ahead, and once at the end"


def test_what_is_made_of_a_step_comes_after_it(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    Gpu(monkeypatch)
    drawn = {"samples.prompts": ["a star"], "samples.every": "5 steps", "snapshots.every": "3 steps"}
    told: list[int] = []
    for event in events_of(toy.train(changes(**drawn)).run):
        if isinstance(event, Step):
            told.append(event.step)
        elif isinstance(event, (Sample, Saved)):
            assert told == list(range(1, event.step + 1))
    assert len(told) == STEPS


@pytest.mark.parametrize("commands", [("stop",), ("pause", "stop")])
def test_a_stop_tells_of_the_steps_that_were_given(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, commands: tuple[str, ...]
) -> None:
    Gpu(monkeypatch)
    training = toy.prepare(changes())
    outcome = train_and_command(training, 2, *commands)
    assert outcome.step == events_of(training.run, Step)[-1].step > 2
    assert outcome.step < STEPS


def test_a_loss_that_is_not_finite_is_that_of_its_step(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    Gpu(monkeypatch)
    training = toy.prepare(changes())
    of, calls = training.gradients.of, [0]

    def broken(batch: object) -> object:
        calls[0] += 1
        learned = of(batch)  # type: ignore[arg-type]
        if calls[0] != 3:
            return learned
        return learned._replace(losses=learned.losses._replace(total=torch.tensor(float("nan"))))

    training.gradients.of = broken  # type: ignore[assignment,method-assign]
    with pytest.raises(NotFiniteError, match=r"The loss of step 3 is nan, at learning rates unet 0\.001"):
        train(training)
    assert [e.step for e in events_of(training.run, Step)] == [1, 2, 3]
    assert not events_of(training.run, Saved)
    forget_accelerator()


def test_memory_is_that_of_steps_alone(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not that of class images before them, of samples or of evaluations."""
    done: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, (Step, Sample)):
            done.append(event.kind)

    monkeypatch.setattr(step_reports, "forget_peak", lambda device: done.append("forget"))
    asked = {"samples.prompts": ["a star"], "samples.every": "5 steps", "evaluation.every": "0"}
    training = toy.prepare(changes(**asked))
    training.events.listeners.append(note)
    train(training)
    between = ["forget", *["step"] * 5, "sample"]
    assert done == [*between, *between, "forget", "step", "step", "sample"]
