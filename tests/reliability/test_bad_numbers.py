"""NaN and infinite weights, gradients, losses and images, and memory that runs out, at chosen steps of whole runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sd_finetune.diffusion.loss import LossParts
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Done, Error, Sample, Saved, Step, Warning_
from sd_finetune.runs.snapshots import finished_snapshots, step_of
from sd_finetune.training.output.not_finite import OTHER_PRECISIONS
from sd_finetune.training.setup import prepare
from sd_finetune.training.state import Training
from sd_finetune.training.step.loss import loss_of
from sd_finetune.training.worker import work
from tests.broken_files import put_value
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


@pytest.mark.parametrize(  # each two of them together
    ("where", "value", "step"),
    [
        ("weight", BROKEN_VALUES[0], 4),
        ("weight", BROKEN_VALUES[1], STEPS),
        ("gradient", BROKEN_VALUES[0], STEPS),
        ("gradient", BROKEN_VALUES[1], 4),
    ],
)
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


@pytest.mark.parametrize("value", BROKEN_VALUES)
def test_a_loss_that_is_not_finite_ends_the_run(toy: Toy, monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    run = toy.run(KEPT)

    def broken(*arguments: Any) -> LossParts:
        parts = loss_of(*arguments)
        return LossParts(parts.total * value, parts.instance, parts.prior) if len(events_of(run, Step)) == 4 else parts

    monkeypatch.setattr("sd_finetune.training.step.gradients.loss_of", broken)
    assert work(run.path, resume=False) == 1
    message = events_of(run)[-1].message
    assert message.startswith(f"The loss of step 5 is {value}, at learning rates unet 0.001 and mixed precision no")
    assert message.endswith("lower the learning rate. The snapshot of step 4, from before, is kept.")
    assert steps_kept(run) == [2, 4]
    assert not events_of(run, Saved)


@pytest.mark.parametrize("precision", list(OTHER_PRECISIONS))
def test_nobody_is_told_to_use_the_precision_that_failed(precision: str) -> None:
    assert {"no": "no mixed precision", "fp16": "fp16", "bf16": "bf16"}[precision] not in OTHER_PRECISIONS[precision]


@pytest.mark.parametrize(("part", "value"), [("encoder", float("nan")), ("decoder", 3e38)])
def test_a_vae_that_gives_nan(toy: Toy, tmp_path: Path, part: str, value: float) -> None:
    """A broken one is refused; with one that overflows there are no samples, and training goes on."""
    broken = tmp_path / "broken.safetensors"
    shutil.copy(toy.checkpoint, broken)
    shutil.copy(toy.checkpoint.with_suffix(".yaml"), broken.with_suffix(".yaml"))
    put_value(broken, f"first_stage_model.{part}.conv_in.weight", value)
    run = toy.run({"base.checkpoint": str(broken), "samples.prompts": ["a star"]})
    code = work(run.path, resume=False)
    ended = events_of(run)[-1]
    if part == "encoder":
        assert code == 1
        assert "NaN" in ended.message
        assert "The run failed with" not in ended.message
    else:
        assert code == 0
        assert "NaN" in events_of(run, Warning_)[-1].message
        assert not events_of(run, Sample)
        assert_only_finite_values_are_there(run)


def test_a_run_that_diverges_is_told_so(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every number finite, it finishes."""
    run = toy.run({**ROWS["hypernetwork"], "train.length": "8 steps", "train.unet_learning_rate": 1})

    def rising(*arguments: Any) -> LossParts:
        factor = 3.0 if len(events_of(run, Step)) >= 4 else 1.0
        return LossParts(*(part * factor for part in loss_of(*arguments)))

    monkeypatch.setattr("sd_finetune.training.step.gradients.loss_of", rising)
    assert work(run.path, resume=False) == 0
    ended = events_of(run)[-1]
    assert ended.reason.startswith("Training diverged: the loss rose from ")
    assert "at learning rates unet 1. The result is most likely of no use" in ended.reason
    assert ended.reason in [warning.message for warning in events_of(run, Warning_)]


IN_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
import psutil, torch
from sd_finetune.training import worker
from sd_finetune.training.output.not_finite import OTHER_PRECISIONS
from sd_finetune.training.setup import prepare

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

def in_need_of(need):
    def prepare_and_limit(*arguments):
        training = prepare(*arguments)
        of_step = training.batches.of_step

        def in_need(step):
            if step == 3:
                now = psutil.Process().memory_info().vms
                resource.setrlimit(resource.RLIMIT_AS, (now + 50_000_000, resource.RLIM_INFINITY))
                need()
            return of_step(step)

        training.batches.of_step = in_need
        return training

    return prepare_and_limit

needs = (lambda: torch.ones(100_000_000), lambda: bytearray(400_000_000))
for run, need in zip(sys.argv[1:], needs):
    worker.prepare = in_need_of(need)
    print(worker.work(Path(run), resume=False))
    resource.setrlimit(resource.RLIMIT_AS, UNLIMITED)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process are those of Linux")
def test_memory_that_runs_out_in_a_limited_process(toy: Toy) -> None:
    """A tensor's, and Python's own."""
    runs = [toy.run(KEPT), toy.run(KEPT)]
    command = [sys.executable, "-c", IN_LITTLE_MEMORY, *(str(run.path) for run in runs)]
    done = subprocess.run(command, timeout=120, check=True, capture_output=True, text=True)
    assert done.stdout.split()[-2:] == ["1", "1"]
    for run in runs:
        message = events_of(run)[-1].message
        assert message.startswith("Out of memory: there is not enough RAM for this run.")
        assert message.endswith("The snapshot of step 2 is kept, and the run can be resumed from it.")
        assert work(run.path, resume=True) == 0


def test_out_of_vram_names_what_is_kept(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    run = toy.run(KEPT)

    def fail() -> None:
        raise torch.cuda.OutOfMemoryError("2 GB wanted")

    assert work_with(monkeypatch, run, lambda training: before_update(training, 4, fail)) == 1
    message = events_of(run)[-1].message
    assert message.startswith("CUDA out of memory")
    assert message.endswith("The snapshot of step 2 is kept, and the run can be resumed from it.")


def test_what_was_tried(measured: Callable[[str], None]) -> None:
    """The figures of the page: all tests of this file passed before this one."""
    measured(
        "NaN and infinity in weights, gradients and losses at chosen steps, weights beyond fp16, a VAE that gives NaN, "
        "RAM that ran out in a limited process: in each case the run ended with cause and advice or went on with a "
        "warning, no file had a value that is not finite, and the last good snapshot resumed"
    )
