"""Where the latest snapshot is damaged, as by a power cut, a run goes on from the one before it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.runs.loss_table import COLUMNS
from sd_finetune.runs.messages import Error, Warning_
from sd_finetune.runs.snapshots import DAMAGED, finished_snapshots, snapshot_step
from sd_finetune.training.loop import train
from sd_finetune.training.setup import prepare
from sd_finetune.training.worker import work
from tests.toy import Toy, assert_same_outcome, events_of, train_and_command

ASKED: dict[str, Any] = {"train.length": "6 steps", "snapshots.every": "1 step", "snapshots.at_end": True}


def halve(folder: Path) -> None:
    file = folder / "optimizer.pt"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(folder: Path) -> None:
    file = folder / "trained.safetensors"
    file.write_bytes(bytes(file.stat().st_size))


def take_away(folder: Path) -> None:
    (folder / "trained.safetensors").unlink()


@pytest.mark.parametrize("damage", [halve, empty, take_away])
def test_the_one_before_it_is_resumed_from(toy: Toy, damage: Callable[[Path], None]) -> None:
    whole = toy.train(ASKED)
    run = toy.run(ASKED)
    train_and_command(prepare(run, resume=False), 5, "stop")
    assert [folder.name for folder in finished_snapshots(run.snapshots)] == ["step-000004", "step-000005"]
    damage(run.snapshots / "step-000005")
    resumed = prepare(run, resume=True)
    assert resumed.first_step == 4
    assert (snapshot_step(run), (run.snapshots / "step-000005" / DAMAGED).exists()) == (4, True)
    (told,) = [event.message for event in events_of(run, Warning_) if "snapshot" in event.message]
    damaged = run.snapshots / "step-000005"
    assert told == (
        f"{run.path.name} is resumed from its snapshot of step 4, as that of step 5 ({damaged}) cannot be read: what "
        "came after it is learned again."
    )
    train(resumed)
    assert_same_outcome(whole, resumed)
    rows = [row.split(",") for row in run.loss_csv.read_text().splitlines()]
    assert [row[COLUMNS.index("step")] for row in rows] == ["step", "1", "2", "3", "4", "5", "6"]
    assert [folder.name for folder in finished_snapshots(run.snapshots)] == ["step-000005", "step-000006"]


def test_a_damaged_one_never_replaces_a_new_one(toy: Toy) -> None:
    """Though it is of a later step, of which only the latest is kept."""
    run = toy.run({**ASKED, "snapshots.every": "3 steps", "train.length": "7 steps"})
    train_and_command(prepare(run, resume=False), 5, "stop")
    halve(run.snapshots / "step-000005")
    run.settings.write_text(run.settings.read_text().replace('"keep": 2', '"keep": 1'))
    train_and_command(prepare(run, resume=True), 4, "stop")
    assert [folder.name for folder in run.snapshots.iterdir()] == ["step-000004"]


def test_if_none_can_be_read_the_latest_is_named(toy: Toy) -> None:
    run = toy.run(ASKED)
    train_and_command(prepare(run, resume=False), 3, "stop")
    for folder in finished_snapshots(run.snapshots):
        halve(folder)
    assert work(run.path, resume=True) == 1
    (error,) = events_of(run, Error)
    assert "step-000003 is damaged or not one of ours: start the run anew." in error.message
    assert len(finished_snapshots(run.snapshots)) == 2


@pytest.mark.parametrize(
    ("error", "told"),
    [(PermissionError(13, "held by another program"), "try again, or remove it to resume from the one before it"),
     (OSError(errno.ENOMEM, "Cannot allocate memory"), "Out of memory"),
     (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "Out of memory")],
)  # fmt: skip
def test_one_that_cannot_be_read_just_now_is_not_left_out(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    run = toy.run(ASKED)
    train_and_command(prepare(run, resume=False), 5, "stop")

    def refuse(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("sd_finetune.training.output.snapshots.load_file", refuse)
        assert work(run.path, resume=True) == 1
    assert told in events_of(run, Error)[-1].message
    assert prepare(run, resume=True).first_step == 5
