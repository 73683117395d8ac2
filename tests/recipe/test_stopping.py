"""Stop is obeyed in every phase, and what has learned nothing saves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.runs.file_lock import hold
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.launch import start_worker
from sd_finetune.runs.messages import CommandReader, Done, Event, Phase, Sample, Saved, Step, send_command
from sd_finetune.runs.owner import own
from sd_finetune.runs.snapshots import snapshot_step
from sd_finetune.training.loop import train
from sd_finetune.training.orders import Orders
from sd_finetune.training.setup import prepare
from sd_finetune.training.worker import work
from tests.toy import Toy, events_of, trained

PHASES = ["loading", "generating class images", "encoding training images", "encoding class images", "training"]
WITH_CLASS_IMAGES = {"prior.weight": 1.0, "train.length": "9 steps", "samples.prompts": ["a", "b"]}


def told_in(toy: Toy, run: RunFolder, is_moment: Callable[[Event], bool], only_class_images: bool = False) -> Done:
    """Do the run and send the command stop at an event; returns its last event."""
    from sd_finetune.runs.messages import EventLog

    append = EventLog.append

    def append_and_tell(log: EventLog, event: Event) -> None:
        append(log, event)
        if is_moment(event):
            send_command(run.commands, "stop")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EventLog, "append", append_and_tell)
        patch.setattr("sd_finetune.training.orders.LOOK_SECONDS", 0)
        assert work(run.path, resume=False, only_class_images=only_class_images) == 0
    return events_of(run)[-1]


@pytest.mark.parametrize("phase", PHASES)
def test_a_run_that_has_learned_nothing_saves_nothing(toy: Toy, tmp_path: Path, phase: str) -> None:
    run = toy.run({**WITH_CLASS_IMAGES, "class_images.cache_folder": str(tmp_path)})
    done = told_in(toy, run, lambda event: isinstance(event, Phase) and event.name == phase)
    assert (done.step, done.outcome) == (0, "stopped")
    assert done.reason == "It was stopped before it had learned anything, so nothing was saved."
    assert [event.name for event in events_of(run, Phase)][-1] == phase, "nothing was begun afterwards"
    assert not events_of(run, Saved)
    assert not events_of(run, Step)
    assert not list(run.output.iterdir())
    assert not list(run.snapshots.iterdir())
    assert not list(tmp_path.rglob("*.unfinished"))


def test_prior_targets_are_not_computed_to_their_end(toy: Toy) -> None:
    changes = {"method": "dreambooth", "prior.weight": 1.0, "prior.source": "model", "train.length": "9 steps"}
    run = toy.run(changes)
    phase = "precomputing prior predictions"
    done = told_in(toy, run, lambda event: isinstance(event, Phase) and event.name == phase)
    assert (done.step, done.outcome) == (0, "stopped")
    assert len([event for event in events_of(run, Phase) if event.name == phase]) == 1
    assert not run.prior_bank.exists()


def test_class_images_alone_are_stopped(toy: Toy, tmp_path: Path) -> None:
    run = toy.run({"class_images.cache_folder": str(tmp_path), "prior.weight": 1.0, "class_images.batch_size": 1})
    drawing = "generating class images"
    done = told_in(toy, run, lambda e: isinstance(e, Phase) and e.name == drawing and e.done == 2, True)
    assert done.outcome == "stopped"
    assert 2 <= len(list(tmp_path.rglob("*.png"))) < 4, "those that were finished are kept, and no more are generated"


def test_samples_are_not_drawn_to_their_end(toy: Toy) -> None:
    changes = {"samples.prompts": ["a", "b"], "samples.every": "1 step", "train.length": "9 steps"}
    run = toy.run({**changes, "samples.at_start": False})
    done = told_in(toy, run, lambda event: isinstance(event, Sample))
    assert (done.step, done.outcome) == (1, "stopped")
    assert len(events_of(run, Sample)) == 1
    assert [event.step for event in events_of(run, Saved) if event.result != "snapshot"] == [1]
    assert snapshot_step(run) == 1


def test_a_denoising_step_is_the_last(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    run = toy.run({"samples.prompts": ["a"], "samples.steps": 30, "train.length": "9 steps"})
    asked: list[int] = []
    check = Orders.check

    def count(orders: Orders) -> None:
        asked.append(1)
        if len(asked) == 20:
            orders.stop()
        check(orders)

    monkeypatch.setattr(Orders, "check", count)
    assert work(run.path, resume=False) == 0
    assert len(asked) == 20
    assert events_of(run)[-1].outcome == "stopped"
    assert not events_of(run, Sample)


def test_a_step_that_is_not_complete_does_not_count(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped between the batches of a step, the run is what it was before that step, and resumes to the same end."""
    changes = {"train.gradient_accumulation_steps": 3, "train.length": "4 steps"}
    whole = toy.train(changes)
    run = toy.run(changes)
    training = prepare(run, resume=False)
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 5:  # the second batch of the second step
            training.orders.stop()
        Orders.check(training.orders)

    monkeypatch.setattr(training.orders, "check", check)
    outcome = train(training)
    assert isinstance(outcome, Done)
    assert (outcome.step, outcome.outcome) == (1, "stopped")
    again = prepare(run, resume=True)
    train(again)
    assert {n: v.tolist() for n, v in trained(again).items()} == {n: v.tolist() for n, v in trained(whole).items()}


@pytest.mark.parametrize("at_end", [False, True])
def test_stopped_in_its_last_samples_it_is_finished(toy: Toy, at_end: bool) -> None:
    """With the snapshot that the settings ask for then."""
    run = toy.run(
        {
            "samples.prompts": ["a", "b"],
            "samples.at_start": False,
            "samples.every": "0",
            "snapshots.at_end": at_end,
        }
    )
    done = told_in(toy, run, lambda event: isinstance(event, Sample))
    assert (done.step, done.outcome) == (2, "finished")
    assert len(events_of(run, Sample)) == 1
    assert [event.step for event in events_of(run, Saved)] == [2]
    assert snapshot_step(run) == (2 if at_end else 0)


def test_resumed_and_stopped_at_once_it_keeps_its_snapshot(toy: Toy) -> None:
    run = toy.run({"train.length": "9 steps"})
    told_in(toy, run, lambda event: isinstance(event, Step) and event.step == 2)
    saved = len(events_of(run, Saved))
    send_command(run.commands, "stop")
    orders = Orders(CommandReader(run.commands))
    assert work(run.path, resume=True, orders=orders) == 0
    done = events_of(run)[-1]
    assert (done.step, done.outcome) == (2, "stopped")
    assert len(events_of(run, Saved)) == saved
    assert snapshot_step(run) == 2


SLEEPS = """
import sys, time
from pathlib import Path
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import CommandReader, EventLog, Phase
from sd_finetune.training.orders import Orders, ended_early
run = RunFolder(Path(sys.argv[1]))
orders = Orders(CommandReader(run.commands))
orders.watch(lambda: EventLog(run.events).append(ended_early(run, orders)))
if sys.argv[2] == "learning":
    orders.settle()
EventLog(run.events).append(Phase(name="loading", done=0, total=1))
time.sleep(4)
"""


@pytest.mark.parametrize("what", ["loading", "learning"])
def test_what_does_not_ask_is_ended_unless_there_is_something_to_lose(tmp_path: Path, what: str) -> None:
    """As a file that is read from a slow disk."""
    run = RunFolder(tmp_path)
    send_command(run.commands, "stop")
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", SLEEPS, str(tmp_path), what], check=True)
    ended = [event for event in events_of(run) if isinstance(event, Done)]
    if what == "loading":
        assert [event.outcome for event in ended] == ["stopped"]
        assert time.monotonic() - began < 3.5
    else:
        assert not ended


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_second_worker_does_nothing(toy: Toy) -> None:
    run = toy.run()
    held = hold(run.worker_lock)
    assert held is not None
    with own_freely(run), held:
        assert start_worker(run).wait() == 3
    assert events_of(run) == []
    assert f"in the hands of process {os.getpid()}" in run.log.read_text()


def own_freely(run: RunFolder) -> Any:
    held = hold(run.owner_lock)
    assert held is not None
    return held


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_the_signal_that_ends_processes_stops_it(toy: Toy) -> None:
    """As when the system shuts down."""
    run = toy.run({"train.length": "100000 steps"})
    with own(run):
        worker = start_worker(run)
        while not events_of(run, Step):
            assert worker.poll() is None, run.log.read_text()
            time.sleep(0.05)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait() == 0
    done = events_of(run)[-1]
    assert done.outcome == "stopped"
    assert snapshot_step(run) == done.step > 0
