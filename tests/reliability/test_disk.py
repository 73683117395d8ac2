"""Every write of a run fails in turn, once or until there is room again, and what was learned is still there."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import CommandReader, Done, Error, Saved, Step, Warning_
from sd_finetune.runs.snapshots import finished_snapshots
from sd_finetune.training.orders import Orders
from sd_finetune.training.worker import work
from tests.reliability.faulty_disk import FaultyDisk
from tests.toy import Toy, events_of, forget_accelerator

CHANGES = {
    "train.length": "4 steps",
    "snapshots.every": "1 step",
    "output.save_every": "2 steps",
    "samples.prompts": ["a star"],
    "samples.every": "2 steps",
    "samples.at_start": False,
    "evaluation.every": "0",
}
ERRORS = [errno.ENOSPC, errno.EROFS, errno.EACCES]
WAITING = ("sd_finetune.training.output.room", "sd_finetune.training.worker")
"""What waits for room."""


def work_on(disk: FaultyDisk, run: RunFolder, monkeypatch: pytest.MonkeyPatch, orders: Orders | None = None) -> int:
    """The exit code; when the run has waited three times, there is room."""
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            disk.mend()

    forget_accelerator()
    with monkeypatch.context() as patch, disk.in_place():
        for name in ("RETRY_SECONDS", "LONGEST_SECONDS"):
            patch.setattr(f"{WAITING[0]}.{name}", 0.01)
        for module in WAITING:
            patch.setattr(f"{module}.time", SimpleNamespace(sleep=wait, monotonic=time.monotonic))
        return work(run.path, resume=False, orders=orders)


def result_of(run: RunFolder) -> dict[str, torch.Tensor]:
    return load_file(run.output / "toy.safetensors")


def assert_nothing_is_half_written(run: RunFolder) -> None:
    assert not list(run.path.rglob("*.unfinished"))
    for file in run.path.rglob("*.safetensors"):
        load_file(file)
    for folder in finished_snapshots(run.snapshots):
        torch.load(folder / "optimizer.pt", weights_only=True)
    rows = run.loss_csv.read_text().splitlines() if run.loss_csv.exists() else []
    assert len({row.count(",") for row in rows}) <= 1


def test_each_write_fails_in_turn(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, long: bool, measured: Callable[[str], None]
) -> None:
    assert work(toy.run(CHANGES).path, resume=False) == 0  # the first one looks at the images, and writes more events
    whole = toy.run(CHANGES)
    counted = FaultyDisk(whole.path)
    assert work_on(counted, whole, monkeypatch) == 0
    expected, number = result_of(whole), len(counted.writes)
    tries = [(at, ERRORS[at % len(ERRORS)], at % 2 == 0) for at in range(1, number + 1)]
    outcomes: list[str] = []
    for at, error, lasting in tries if long else tries[:: len(tries) // 7]:
        run = toy.run(CHANGES)
        disk = FaultyDisk(run.path, at, error, lasting)
        code = work_on(disk, run, monkeypatch)
        where = f"{errno.errorcode[error]} at {counted.writes[at - 1]}, lasting: {lasting}"
        assert disk.failed, where
        assert_nothing_is_half_written(run)
        ended = events_of(run)[-1]
        if code != 0:
            assert isinstance(ended, Error), where
            assert not ended.message.startswith("The run failed with"), f"{where}: {ended.message}"
            forget_accelerator()
            resumes = bool(finished_snapshots(run.snapshots))
            assert resumes or not events_of(run, Step), where
            assert work(run.path, resume=resumes) == 0, where
        assert isinstance(events_of(run)[-1], Done), where
        found = result_of(run)
        assert all(torch.equal(found[name], expected[name]) for name in expected), where
        assert [event.step for event in events_of(run, Step)] == [1, 2, 3, 4], where
        outcomes.append("on" if code == 0 else "resumed")
        shutil.rmtree(run.path)
    measured(
        f"{len(outcomes)} runs, in each of which one of {number} writes failed with ENOSPC, EROFS or EACCES, once or "
        f"until there was room: {outcomes.count('on')} went on to their end and {outcomes.count('resumed')} ended with "
        "a sentence and were resumed, all with the same weights to the bit"
    )


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_run_that_nobody_follows_saves_its_result_where_no_snapshot_can_be(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    """On another disk at once, else when there is room."""
    asked = {"train.length": "9 steps", "output.save_every": "0"}
    run = toy.run({**asked, "output.folder": str(tmp_path)} if elsewhere else asked)
    disk = FaultyDisk(run.path, error=errno.ENOSPC, lasting=True)

    def owned() -> bool:
        if events_of(run, Step):
            disk.fails_at = 1
        return disk.fails_at == 0

    assert work_on(disk, run, monkeypatch, Orders(CommandReader(run.commands), owned)) == 0
    done = events_of(run)[-1]
    assert (done.step, done.outcome) == (1, "stopped")
    assert done.reason == "The program that started it has ended, so it stopped after saving the result."
    assert load_file((tmp_path if elsewhere else run.output) / "toy.safetensors")
    assert any("The run goes on without a new snapshot" in event.message for event in events_of(run, Warning_))


def test_no_way_of_writing_is_forgotten(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python tells an audit hook of every file that is opened, whoever opens it; other libraries must not write."""
    run = toy.run({**CHANGES, "method": "dreambooth"})
    told, listening = set[str](), [True]

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if listening[0] and event == "open" and isinstance(arguments[0], (str, os.PathLike)):
            path, flags = os.fspath(arguments[0]), arguments[2] or 0
            if flags & (os.O_WRONLY | os.O_RDWR) and str(run.path) in str(path):
                told.add(str(path))

    sys.addaudithook(hear)
    disk = FaultyDisk(run.path)
    assert work_on(disk, run, monkeypatch) == 0
    listening[0] = False
    assert told == disk.opened
    assert {Path(event.path) for event in events_of(run, Saved)} <= {f for f in run.path.rglob("*") if f.is_file()}
    written = {path.rpartition("/")[2].split(".")[1 if "unfinished" in path else 0] for path in disk.opened}
    assert {"events", "loss", "toy", "trained", "optimizer", "complete"} <= written


def test_a_slow_disk_changes_nothing(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    fast, slow = toy.run(CHANGES), toy.run(CHANGES)
    assert work(fast.path, resume=False) == 0
    forget_accelerator()
    with FaultyDisk(slow.path, delay=0.01).in_place():
        assert work(slow.path, resume=False) == 0
    one, other = result_of(fast), result_of(slow)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not events_of(slow, Warning_)
