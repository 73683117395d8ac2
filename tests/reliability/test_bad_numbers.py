"""NaN and infinite weights, gradients, losses and images, and memory that runs out, at chosen steps of whole runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Done, Error, Saved, Warning_
from sd_finetune.runs.snapshots import finished_snapshots, step_of
from sd_finetune.training.setup import prepare
from sd_finetune.training.state import Training
from sd_finetune.training.worker import work
from tests.toy import ROWS, Toy, events_of

STEPS = 6
KEPT = {"train.length": f"{STEPS} steps", "snapshots.every": "2 steps"}
BROKEN_VALUES = [float("nan"), float("inf")]


def work_with(monkeypatch: pytest.MonkeyPatch, run: RunFolder, change: Callable[[Training], None]) -> int:
    """The run's exit code, with something changed before it trains."""

    def changed(*arguments: Any, **others: Any) -> Training:
        training = prepare(*arguments, **others)
        change(training)
        return training

    with monkeypatch.context() as patch:
        patch.setattr("sd_finetune.training.worker.prepare", changed)
        return work(run.path, resume=False)


def after_update(training: Training, step: int, action: Callable[[], None]) -> None:
    """Call `action` when the optimizer has made its step `step`, whose loss was computed before."""
    begin, finish, now = training.updates.begin, training.updates.finish, [0]

    def begin_and_note(number: int) -> None:
        now[0] = number + 1
        begin(number)

    def finish_and_act() -> None:
        finish()
        if now[0] == step:
            action()

    training.updates.begin = begin_and_note  # type: ignore[method-assign]
    training.updates.finish = finish_and_act  # type: ignore[method-assign]


def before_update(training: Training, step: int, action: Callable[[], None]) -> None:
    finish, begin, now = training.updates.finish, training.updates.begin, [0]

    def begin_and_note(number: int) -> None:
        now[0] = number + 1
        begin(number)

    def act_and_finish() -> None:
        if now[0] == step:
            action()
        finish()

    training.updates.begin = begin_and_note  # type: ignore[method-assign]
    training.updates.finish = act_and_finish  # type: ignore[method-assign]


def put_in_a_weight(training: Training, value: float) -> None:
    next(iter(training.method.trained_tensors().values())).data.flatten()[0] = value


def put_in_a_gradient(training: Training, value: float) -> None:
    next(p for p in training.updates.parameters if p.grad is not None).grad.flatten()[0] = value  # type: ignore[union-attr]


def steps_kept(run: RunFolder) -> list[int]:
    return [step_of(folder) for folder in finished_snapshots(run.snapshots)]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_only_finite_values_are_there(run: RunFolder) -> None:
    for file in run.path.rglob("*.safetensors"):
        assert all(tensor.isfinite().all() for tensor in load_file(file).values()), file


@pytest.mark.parametrize("where", ["weight", "gradient"])
@pytest.mark.parametrize("value", BROKEN_VALUES)
@pytest.mark.parametrize("step", [4, STEPS])
def test_what_is_not_finite_is_neither_kept_nor_sold(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, where: str, value: float, step: int
) -> None:
    """At a step at which a snapshot is due, and at the last one."""
    run = toy.run(KEPT)

    def change(training: Training) -> None:
        if where == "weight":
            after_update(training, step, lambda: put_in_a_weight(training, value))
        else:
            before_update(training, step, lambda: put_in_a_gradient(training, value))

    assert work_with(monkeypatch, run, change) == 1
    error = events_of(run)[-1]
    assert isinstance(error, Error)
    assert error.message.startswith(f"After step {step} the trained weights are NaN or infinite")
    assert f"mixed precision no: lower the learning rate. The snapshot of step {step - 2}" in error.message
    assert not events_of(run, Saved)
    assert steps_kept(run)[-1] == step - 2
    assert_only_finite_values_are_there(run)
    assert work(run.path, resume=True) == 0, "the last good snapshot resumes"
    assert_only_finite_values_are_there(run)


def test_a_run_that_was_broken_once_ends_as_if_it_never_was(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, broken = toy.train(KEPT), toy.run(KEPT)
    assert (
        work_with(monkeypatch, broken, lambda t: after_update(t, 5, lambda: put_in_a_weight(t, BROKEN_VALUES[0]))) == 1
    )
    assert "The loss of step 6 is nan" in events_of(broken)[-1].message
    assert work(broken.path, resume=True) == 0
    results = [load_file(run.output / "toy.safetensors") for run in (whole.run, broken)]
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


@pytest.mark.parametrize("row", ["lora", "dreambooth", "textual_inversion", "hypernetwork"])
def test_weights_beyond_the_range_of_fp16_are_saved_as_fp32(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, row: str
) -> None:
    run = toy.run({**ROWS[row], "output.precision": "fp16"})
    assert work_with(monkeypatch, run, lambda t: after_update(t, 2, lambda: put_in_a_weight(t, 70_000.0))) == 0
    assert isinstance(events_of(run)[-1], Done)
    warning = events_of(run, Warning_)[-1].message
    assert 'weights up to 7e+04, beyond the range of output.precision = "fp16", and is saved as fp32' in warning
    if row != "hypernetwork":  # a pickle
        assert_only_finite_values_are_there(run)
