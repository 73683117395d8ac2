"""A run as the server starts it: exit code, events, commands, and a sentence for whatever goes wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import torch

from sd_finetune.errors import NotFiniteError, UserError
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import (
    CommandReader,
    Done,
    Error,
    Evaluation,
    Event,
    Phase,
    Sample,
    Saved,
    Step,
    Warning_,
    command_position,
    send_command,
)
from sd_finetune.runs.snapshots import finished_snapshots, step_of
from sd_finetune.training.__main__ import main
from sd_finetune.training.loop import train
from sd_finetune.training.orders import Orders
from sd_finetune.training.setup import prepare
from sd_finetune.training.worker import work
from tests.broken_files import put_value
from tests.toy import Toy, after_step, events_of, make_images, train_and_command, trained

REPO = Path(__file__).parents[2]


def test_by_command_line_from_start_to_end(toy: Toy) -> None:
    changes = {
        "prior.weight": 1.0,
        "train.length": "2 steps",
        "samples.prompts": ["a photo of sks star"],
        "samples.every": "0",
        "evaluation.every": "1 step",
    }
    run = toy.run(changes)
    command = [sys.executable, "-m", "sd_finetune.training", str(run.path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # threads only wait for each other in so small a model
    result = subprocess.run(
        command, cwd=REPO, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr
    kinds = [kind for kind, _ in groupby(event.kind for event in events_of(run))]
    assert kinds == [
        "phase",  # loading, generating class images, encoding, training
        "evaluation",
        "sample",
        "step",
        "evaluation",
        "step",
        "evaluation",
        "sample",
        "phase",  # saving
        "saved",
        "done",
    ]
    phases = [name for name, _ in groupby(e.name for e in events_of(run, Phase))]
    without_generating = ["loading", "encoding training images", "encoding class images", "training", "saving"]
    elsewhere = ("generating class images", "checking images")  # done by an earlier test, if there was one
    assert [p for p in phases if p not in elsewhere] == without_generating
    (done,) = events_of(run, Done)
    assert (done.step, done.outcome) == (2, "finished")
    assert [(e.step, (run.path / e.file).is_file()) for e in events_of(run, Sample)] == [(0, True), (2, True)]
    assert [e.step for e in events_of(run, Evaluation)] == [0, 1, 2]
    table = run.loss_csv.read_text().splitlines()
    assert table[0] == "step,epoch,loss,instance_loss,prior_loss,unet"
    assert [line.split(",")[0] for line in table[1:]] == ["1", "2"]


def test_stopped_on_the_way_it_saves(toy: Toy) -> None:
    training = toy.prepare({"train.length": "50 steps"})
    outcome = train_and_command(training, 2, "stop")
    assert isinstance(outcome, Done)
    assert (outcome.step, outcome.outcome) == (2, "stopped")
    assert [(e.step, e.result) for e in events_of(training.run, Saved)] == [(2, "lora")]
    assert [step_of(folder) for folder in finished_snapshots(training.run.snapshots)] == [2]


def test_save_and_sample_by_command(toy: Toy) -> None:
    changes = {"samples.prompts": ["a star"], "samples.at_start": False, "train.length": "3 steps"}
    training = toy.prepare(changes)
    train_and_command(training, 1, "save", "sample")
    assert [e.step for e in events_of(training.run, Sample)] == [1, 3]
    names = [Path(e.path).name for e in events_of(training.run, Saved)]
    assert names == ["toy-step000001.safetensors", "toy.safetensors"]


def test_paused_it_waits(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    training = toy.prepare({"train.length": "3 steps"})
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            send_command(training.run.commands, "resume")

    monkeypatch.setattr("sd_finetune.training.orders.time.sleep", sleep)
    outcome = train_and_command(training, 1, "pause")
    assert isinstance(outcome, Done)
    assert (outcome.outcome, len(waits)) == ("finished", 3)


def test_paused_it_can_be_stopped(toy: Toy) -> None:
    outcome = train_and_command(toy.prepare({"train.length": "3 steps"}), 1, "pause", "stop")
    assert isinstance(outcome, Done)
    assert (outcome.step, outcome.outcome) == (1, "stopped")


def test_after_a_crash_it_continues_from_the_last_save(toy: Toy) -> None:
    changes = {"train.length": "5 steps", "snapshots.every": "2 steps"}
    whole = toy.train(changes)
    crashed = toy.prepare(changes)

    def crash() -> None:
        raise KeyboardInterrupt

    send_command(crashed.run.commands, "save")
    after_step(crashed, 3, crash)
    with pytest.raises(KeyboardInterrupt):
        train(crashed)
    send_command(crashed.run.commands, "stop")
    crashed.events.append(Error(message="the worker died"))
    again = prepare(crashed.run, resume=True)
    assert again.first_step == 2
    outcome = train(again)
    assert isinstance(outcome, Done)
    assert (outcome.step, outcome.outcome) == (5, "finished"), "a stop for the worker that died is not for this one"
    assert {n: v.tolist() for n, v in trained(again).items()} == {n: v.tolist() for n, v in trained(whole).items()}
    assert crashed.run.loss_csv.read_text() == whole.run.loss_csv.read_text()


def test_a_command_sent_while_it_starts_counts(toy: Toy) -> None:
    run = toy.run({"train.length": "9 steps"})
    since = command_position(run.commands)
    send_command(run.commands, "stop")
    assert work(run.path, resume=False, orders=Orders(CommandReader(run.commands, since))) == 0
    done = events_of(run)[-1]
    assert (done.step, done.outcome) == (0, "stopped")
    assert not events_of(run, Saved)


def test_done_anew_the_table_starts_anew(toy: Toy) -> None:
    training = toy.train()
    before = training.run.loss_csv.read_text()
    train(prepare(training.run, resume=False))
    assert training.run.loss_csv.read_text() == before


def test_a_broken_image_is_named_and_left_out(toy: Toy, tmp_path: Path) -> None:
    folder = make_images(tmp_path / "images", 2)
    (folder / "torn.png").write_bytes((folder / "0.png").read_bytes()[:60])
    training = toy.train({"concepts.folder": str(folder)})
    (warning,) = events_of(training.run, Warning_)
    assert "torn.png" in warning.message
    assert [e.image.name for e in training.instances.examples] == ["0.png", "1.png"]


def test_a_loss_that_is_no_number_ends_the_run(toy: Toy) -> None:
    training = toy.prepare({"method": "dreambooth", "train.length": "9 steps"})
    for group in training.optimizer.param_groups:
        group["initial_lr"] = 1e30
    with pytest.raises(NotFiniteError) as told:
        train(training)
    assert "at learning rates unet 1e+30 and mixed precision no: lower the learning rate" in str(told.value)
    assert not events_of(training.run, Saved)
    assert not list(training.run.output.iterdir())


def _edit(run: RunFolder, *places: tuple[str, str, Any]) -> None:
    content = json.loads(run.settings.read_text())
    for group, option, value in places:
        (content[group][0] if group == "concepts" else content[group])[option] = value
    run.settings.write_text(json.dumps(content))


def _two_faults(run: RunFolder, _: Path) -> None:
    _edit(run, ("lora", "rank", 0), ("train", "seeed", 1))


def _empty_folder(run: RunFolder, tmp_path: Path) -> None:
    _edit(run, ("concepts", "folder", str(tmp_path)))


def _torn_checkpoint(run: RunFolder, tmp_path: Path) -> None:
    base = json.loads(run.settings.read_text())["base"]["checkpoint"]
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(Path(base).read_bytes()[:100_000])
    _edit(run, ("base", "checkpoint", str(torn)))


def _no_gpu(run: RunFolder, _: Path) -> None:
    _edit(run, ("train", "device", "cuda"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_two_faults, ["lora.rank = 0 is out of range", "train.seeed is not an option: did you mean train.seed?"]),
        (_empty_folder, ["no images in the folder"]),
        (_torn_checkpoint, ["torn.safetensors is incomplete or damaged"]),
        (_no_gpu, ["train.device = 'cuda' needs a CUDA GPU"]),
    ],
)
def test_what_cannot_be_is_said(
    toy: Toy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[RunFolder, Path], None],
    said: list[str],
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    run = toy.run()
    spoil(run, tmp_path)
    assert work(run.path, resume=False) == 1
    events: list[Event] = events_of(run)
    assert [event.kind for event in events].count("error") == 1
    assert isinstance(events[-1], Error)
    assert [words for words in said if words not in events[-1].message] == []
    assert not list(run.output.iterdir())
    assert not run.loss_csv.exists()


def test_work_tells_how_it_ended(toy: Toy) -> None:
    run = toy.run()
    assert work(run.path, resume=False) == 0
    assert isinstance(events_of(run)[-1], Done)
    for _ in range(2):
        assert work(run.path, resume=True) == 1
        assert f"{run.path.name} is finished and cannot be resumed" in events_of(run)[-1].message
    assert len(events_of(run, Step)) == 2
    other = toy.run()
    assert work(other.path, resume=True) == 1
    assert "has no snapshot to resume from" in events_of(other)[-1].message


def test_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_whatever_else_fails_becomes_an_event(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("the cable was pulled")

    monkeypatch.setattr("sd_finetune.training.worker.train", fail)
    run = toy.run()
    assert work(run.path, resume=False) == 1
    assert "RuntimeError: the cable was pulled" in events_of(run)[-1].message


@pytest.mark.parametrize(
    ("only_class_images", "fails", "way_out"),
    [
        (False, "sd_finetune.training.worker.train", " in a training step: train.mixed_precision = "),
        (True, "sd_finetune.training.prior.class_examples.generate_class_images", "while generating class images"),
        (False, "sd_finetune.training.prior.class_examples.generate_class_images", "while generating class images"),
        (False, "sd_finetune.training.setup.example_set", "while encoding images"),
        (False, "sd_finetune.training.loop.generate_samples", "while generating samples"),
    ],
)
def test_out_of_memory_names_the_ways_out(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, only_class_images: bool, fails: str, way_out: str
) -> None:
    def out_of_memory(*_: Any) -> None:
        raise torch.cuda.OutOfMemoryError("2 GB wanted")

    monkeypatch.setattr(fails, out_of_memory)
    new = {"class_images.seed": len(fails + way_out)}  # of which none are generated yet
    run = toy.run({"prior.weight": 1.0, "samples.prompts": ["a star"], **new})
    assert work(run.path, resume=False, only_class_images=only_class_images) == 1
    message = events_of(run)[-1].message
    assert message.startswith("CUDA out of memory")
    assert way_out in message
    assert " saves about " in message
    assert message.count(" about ") <= 3


def test_a_base_that_is_not_finite_is_to_blame_and_not_the_rate(toy: Toy, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    shutil.copy(toy.checkpoint, broken)
    shutil.copy(toy.checkpoint.with_suffix(".yaml"), broken.with_suffix(".yaml"))
    put_value(broken, "model.diffusion_model.input_blocks.0.0.weight", float("nan"))
    with pytest.raises(UserError, match=r"broken\.safetensors has NaN or infinite values"):
        toy.prepare({"base.checkpoint": str(broken)})
