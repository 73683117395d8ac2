"""What a run saves: where, over what, and what is kept when it cannot."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from sd_finetune.errors import CannotWriteError, UserError
from sd_finetune.runs.messages import Saved, Step, Warning_
from sd_finetune.settings.options import Settings
from sd_finetune.training.loop import train
from sd_finetune.training.setup import accelerator_for, prepare
from sd_finetune.training.worker import work
from tests.toy import Toy, after_step, events_of, train_and_command


@pytest.mark.parametrize("other", ["base.checkpoint", "an earlier result"])
def test_no_other_file_is_written_over(toy: Toy, tmp_path: Path, other: str) -> None:
    """Least of all the base, whose name a DreamBooth can be given."""
    there = tmp_path / "kept.safetensors"
    shutil.copyfile(toy.checkpoint, there)
    shutil.copyfile(toy.checkpoint.with_suffix(".yaml"), there.with_suffix(".yaml"))
    asked = {"method": "dreambooth", "output.folder": str(tmp_path), "output.name": "kept"}
    run = toy.run({**asked, **({other: str(there)} if other == "base.checkpoint" else {})})
    assert work(run.path, resume=False) == 1
    assert events_of(run)[-1].message == (f"{there} already exists: change output.name, or move that file.")
    assert there.read_bytes() == toy.checkpoint.read_bytes()


@pytest.mark.parametrize("name", ["kept.yaml", "kept-step000100.safetensors", "kept.safetensors"])
def test_files_that_come_with_a_result_are_not_written_over_either(toy: Toy, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("somebody's")
    run = toy.run({"method": "dreambooth", "output.folder": str(tmp_path), "output.name": "kept"})
    assert work(run.path, resume=False) == 1
    assert f"{name} already exists" in events_of(run)[-1].message
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["somebody's"]


@pytest.mark.parametrize("name", ["kept-lora-000100.safetensors", "kept-lora-7.safetensors"])
def test_nor_are_those_of_any_step_by_the_pattern(toy: Toy, tmp_path: Path, name: str) -> None:
    for there in (name, "kept-lora.safetensors", "kept-dreambooth-000100.safetensors"):
        (tmp_path / there).write_text("somebody's")
    asked = {"output.folder": str(tmp_path), "output.name": "kept", "output.name_pattern": "{name}-{method}-{step:06d}"}
    run = toy.run(asked)
    assert work(run.path, resume=False) == 1
    assert f"{name} already exists: change output.name" in events_of(run)[-1].message
    (tmp_path / name).unlink()
    training = toy.train(asked)
    assert Path(events_of(training.run, Saved)[-1].path) == tmp_path / "kept-lora-000002.safetensors"


def test_a_card_that_cannot_be_written_is_not_missed(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise CannotWriteError("No card.")

    run = toy.run({"output.folder": str(tmp_path)})
    monkeypatch.setattr("sd_finetune.training.output.save.write_card", fail)
    assert work(run.path, resume=False) == 0
    (warning,) = events_of(run, Warning_)
    assert warning.message.startswith("No card. The result itself is saved")


@pytest.mark.parametrize("kept", [False, True])
def test_a_full_disk_is_what_is_told(toy: Toy, monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:
    """Where the run folder's disk is full too, the sentence is that of the result and not the snapshot's."""
    run = toy.run()
    training = prepare(run, resume=False)

    def full(*_: Any) -> None:
        raise CannotWriteError("No space left on the disk.")

    def full_too(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(training.method, "write", full)
    monkeypatch.setattr("sd_finetune.training.output.keeping.wait_for_room", lambda *_: False)
    if not kept:
        monkeypatch.setattr("sd_finetune.training.output.snapshots.torch.save", full_too)
    with pytest.raises(UserError) as raised:
        train(training)
    assert str(raised.value).startswith("No space left on the disk.")
    assert ("What was learned is kept" in str(raised.value)) == kept
    assert bool(list(run.snapshots.iterdir())) == kept


def test_an_image_that_fails_does_not_cost_what_was_learned(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    run = toy.run({"samples.prompts": ["a star"]})

    def fail(*_: Any) -> None:
        raise RuntimeError("no image")

    training = prepare(run, resume=False)
    after_step(training, 2, lambda: monkeypatch.setattr("sd_finetune.training.loop.generate_samples", fail))
    with pytest.raises(RuntimeError, match="no image"):
        train(training)
    (saved,) = events_of(run, Saved)
    assert (saved.step, Path(saved.path).is_file()) == (2, True)


class Scaler:
    """A GradScaler, which there is on GPUs only, that scales nothing but is kept."""

    def __init__(self, growth: float) -> None:
        self.growth = growth

    def scale(self, loss: torch.Tensor) -> torch.Tensor:
        return loss

    def unscale_(self, optimizer: torch.optim.Optimizer) -> None: ...

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        optimizer.step()

    def update(self) -> None: ...

    def state_dict(self) -> dict[str, Any]:
        return {"growth": self.growth}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.growth = state_dict["growth"]


def test_the_scale_of_the_loss_is_kept_over_a_stop(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    run = toy.run({"train.length": "3 steps"})
    first = prepare(run, resume=False)
    first.accelerator.scaler = Scaler(1024.0)
    train_and_command(first, 1, "stop")
    monkeypatch.setattr("sd_finetune.training.setup.accelerator_for", with_scaler)
    assert prepare(run, resume=True).accelerator.scaler.growth == 1024.0


def with_scaler(settings: Settings) -> Any:
    accelerator = accelerator_for(settings)
    accelerator.scaler = Scaler(65536.0)
    return accelerator


def test_a_resumed_run_replaces_its_own_result(toy: Toy, tmp_path: Path) -> None:
    run = toy.run({"output.folder": str(tmp_path), "train.length": "3 steps"})
    train_and_command(prepare(run, resume=False), 1, "stop")
    early = (tmp_path / "toy.safetensors").read_bytes()
    assert work(run.path, resume=True) == 0
    assert (tmp_path / "toy.safetensors").read_bytes() != early


def test_a_full_disk_leaves_nothing_half_written(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    run = toy.run()
    monkeypatch.setattr("sd_finetune.runs.atomic.os.fsync", full)
    monkeypatch.setattr("sd_finetune.training.output.keeping.wait_for_room", lambda *_: False)
    assert work(run.path, resume=False) == 1
    assert "No space left on the disk" in events_of(run)[-1].message
    assert not list(run.output.iterdir())
    shutil.rmtree(run.path)


def test_a_place_that_cannot_be_written_to_is_told_before_anything_is_learned(toy: Toy, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    run = toy.run({"output.folder": str(tmp_path / "file")})
    assert work(run.path, resume=False) == 1
    (error,) = events_of(run)
    assert re.fullmatch(r".*file.toy\.safetensors.* cannot be written \(.*\): choose another folder.*", error.message)


@pytest.mark.parametrize("row", [{"method": "lora"}, {"method": "hypernetwork"}], ids=["lora", "hypernetwork"])
def test_what_was_learned_outlives_a_place_that_went_away(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any]
) -> None:
    folder = tmp_path / "there"
    run = toy.run({**row, "output.folder": str(folder)})
    training = prepare(run, resume=False)
    after_step(training, 2, lambda: folder.write_text("a file"))
    with pytest.raises(UserError, match=r"cannot be written .* What was learned is kept in .*: mend this and resume"):
        train(training)
    folder.unlink()
    assert work(run.path, resume=True) == 0
    assert len(events_of(run, Step)) == 2, "none was done again"
    (saved,) = events_of(run, Saved)
    assert (saved.step, Path(saved.path).is_file()) == (2, True)
