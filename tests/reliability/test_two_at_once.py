"""Two at once, and what was changed behind a run's back: one wins, the other is told why, nothing is doubled."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from sd_finetune.errors import UserError
from sd_finetune.formats.tensor_file import read_tensors
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import CommandReader, Done, Error, Phase, Step, command_position, send_command
from sd_finetune.runs.resumable import refuse_to_resume
from sd_finetune.runs.snapshots import snapshot_step
from sd_finetune.runs.worker_process import noted_worker
from sd_finetune.training.orders import Orders
from sd_finetune.training.setup import prepare
from sd_finetune.training.worker import work
from sd_finetune.ui.jobs.training import train_job
from tests.screen import Screen, make_screen, wait_until
from tests.toy import Toy, events_of, train_and_command

ROOT = Path(__file__).parents[2]


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Screen:
    """The project "dog", whose runs last until they are stopped, with a worker that only pretends."""
    screen = make_screen(tmp_path, monkeypatch)
    screen.context.project("dog").write_settings(screen.settings(output__notes="slow", train__length="2000 steps"))
    return screen


def stopped_run(screen: Screen) -> RunFolder:
    job = screen.context.runner.start(lambda: train_job(screen.context.host, screen.context.project("dog")))
    wait_until(lambda: events_of(job.run, Step))
    send_command(job.run.commands, "stop")
    wait_until(lambda: screen.context.runner.current() is None)
    return job.run


def test_two_presses_of_train(screen: Screen, long: bool, measured: Callable[[str], None]) -> None:
    presses, refused = 50 if long else 8, []

    def press() -> None:
        try:
            screen.context.runner.start(lambda: train_job(screen.context.host, screen.context.project("dog")))
        except UserError as error:
            refused.append(str(error))

    threads = [Thread(target=press) for _ in range(presses)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == presses - 1
    assert all("Only one job runs at a time" in sentence for sentence in refused)
    assert screen.context.project("dog").run_names() == ["dog-001"]
    screen.context.runner.kill()
    wait_until(lambda: screen.context.runner.current() is None)
    measured(f"of {presses} presses at once, 1 started a run")


SECOND_SERVER = """
import sys
from pathlib import Path
from tests.screen import make_context
from sd_finetune.errors import UserError
from sd_finetune.runs import launch
from sd_finetune.ui.jobs.training import resume_job
launch.WORKER = "fake_worker"
context = make_context(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
try:
    context.runner.start(lambda: resume_job(context.host, context.project("dog"), context.run("dog", "dog-001")))
    print("started", flush=True)
except UserError as error:
    print(error, flush=True)
sys.stdin.readline()
"""


def test_two_servers_resume_one_run(
    screen: Screen, tmp_path: Path, long: bool, measured: Callable[[str], None]
) -> None:
    """At the same moment, from two processes and more."""
    run, rounds, servers = stopped_run(screen), 5 if long else 1, 6 if long else 2
    for _ in range(rounds):
        begun = len([phase for phase in events_of(run, Phase) if phase.name == "loading"])
        others = [
            subprocess.Popen(
                [sys.executable, "-c", SECOND_SERVER, str(tmp_path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
            for _ in range(servers)
        ]
        for other in others:
            assert other.stdout is not None
            assert other.stdout.readline() == "ready\n"
        for other in others:
            assert other.stdin is not None
            other.stdin.write("go\n")
            other.stdin.flush()
        answers = [other.stdout.readline().strip() for other in others if other.stdout]
        assert answers.count("started") == 1, answers
        winner = others[answers.index("started")]
        told = [answer for answer in answers if answer != "started"]
        assert all(f"dog-001 is in the hands of process {winner.pid}, another server" in answer for answer in told)
        wait_until(lambda: noted_worker(run))
        wait_until(lambda begun=begun: loaded(run) > begun)
        send_command(run.commands, "stop")
        wait_until(lambda: noted_worker(run) is None)
        for other in others:
            other.communicate("end\n")
        assert loaded(run) == begun + 1, "one worker was at work"
    measured(f"{servers} servers resumed one run at once, {rounds} times: 1 worker each time, the others told by whom")


def loaded(run: RunFolder) -> int:
    return len([phase for phase in events_of(run, Phase) if phase.name == "loading"])


def test_a_run_folder_that_was_moved_goes_on(toy: Toy, tmp_path: Path) -> None:
    changes = {"train.length": "4 steps"}
    whole = toy.train(changes)
    run = toy.run(changes)
    train_and_command(prepare(run, resume=False), 2, "stop")
    moved = RunFolder(Path(shutil.move(run.path, tmp_path / "elsewhere")))
    assert work(moved.path, resume=True) == 0
    assert not run.path.exists()
    assert [path.name for path in moved.output.iterdir() if path.suffix == ".safetensors"] == ["toy.safetensors"]
    found, expected = (read_tensors(each.output / "toy.safetensors").tensors for each in (moved, whole.run))
    assert {name: value.tolist() for name, value in found.items()} == {n: v.tolist() for n, v in expected.items()}


def test_a_clock_that_goes_back_changes_nothing(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for a stop of this worker, nor for one of the worker before."""
    run = toy.run({"train.length": "9 steps"})
    train_and_command(prepare(run, resume=False), 2, "stop")
    since = command_position(run.commands)
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now - 86_400)
    orders = Orders(CommandReader(run.commands, since))
    resumed = prepare(run, resume=True, orders=orders)
    assert resumed.first_step == 2
    outcome = train_and_command(resumed, 5, "stop")
    assert isinstance(outcome, Done)
    assert (outcome.step, outcome.outcome) == (5, "stopped")
    monkeypatch.setattr("time.time", lambda: now + 86_400)
    assert work(run.path, resume=True) == 0
    assert events_of(run, Done)[-1].step == 9


def test_settings_that_were_edited_before_resuming(toy: Toy) -> None:
    run = toy.run({"train.length": "9 steps"})
    train_and_command(prepare(run, resume=False), 4, "stop")
    good = run.settings.read_text()
    for old, new, said in (
        ('"rank": 4', '"rank": 8', "lora.rank = 8 does not match"),
        ('"9 steps"', '"3 steps"', "ends at step 3, but the snapshot of"),
        ('"9 steps"', '"1 epoch"', "ends at step 3, but the snapshot of"),
    ):
        assert old in good
        run.settings.write_text(good.replace(old, new))
        assert work(run.path, resume=True) == 1
        error = events_of(run)[-1]
        assert isinstance(error, Error)
        assert said in error.message
    run.settings.write_text(good.replace('"9 steps"', '"6 steps"'))
    assert work(run.path, resume=True) == 0
    assert events_of(run, Done)[-1].step == 6
    assert snapshot_step(run) >= 4 or not list(run.snapshots.iterdir())


def test_a_snapshot_of_an_earlier_version_that_does_not_fit_is_told_in_a_sentence(toy: Toy) -> None:
    """It does not say what it depends on."""
    run = toy.run({"train.length": "9 steps"})
    train_and_command(prepare(run, resume=False), 4, "stop")
    (marker,) = run.snapshots.glob("*/complete.json")
    content = json.loads(marker.read_text())
    marker.write_text(json.dumps({"step": content["step"], "scaler": {}}))
    run.settings.write_text(run.settings.read_text().replace('"rank": 4', '"rank": 8'))
    refuse_to_resume(run)
    assert work(run.path, resume=True) == 1
    error = events_of(run)[-1]
    assert isinstance(error, Error)
    assert "does not fit the settings of the run, which were changed since it was made: set them back" in error.message
