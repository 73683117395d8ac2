"""The program that follows a run ends in any way: the worker notices, saves a snapshot and ends; it can be resumed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Done, Step
from sd_finetune.runs.snapshots import snapshot_step
from sd_finetune.runs.state import state_of
from sd_finetune.settings.read import to_file
from sd_finetune.ui.projects.project import Project
from tests.screen import make_context, wait_until
from tests.toy import Toy, events_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")

ROOT = Path(__file__).parents[2]
WITHIN_SECONDS = 10
LENGTH = {"train.length": "100000 steps", "snapshots.every_minutes": 0, "train.mixed_precision": "no"}


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Our own server on the data folder, as a process, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "sd_finetune", "ui", "--port", str(port), "--data", str(folder)]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/sd_finetune"
    try:
        wait_until(lambda: asked(f"{address}/projects") is not None)
        yield process, address
    finally:
        process.kill()
        process.wait()


def asked(address: str, content: Any = None) -> Any:
    """The answer to a GET, or with content to a POST; None if there is none."""
    data = None if content is None else json.dumps(content).encode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address, data, {"Content-Type": "application/json"})
        ) as answer:
            return json.load(answer)
    except OSError:
        return None


def training(projects: Path, address: str) -> RunFolder:
    """A run of the project "dog", started by the server and at work."""
    assert asked(f"{address}/projects/dog/train", {}) == {"run": "dog-001"}
    run = RunFolder(projects / "dog" / "runs" / "dog-001")
    wait_until(lambda: events_of(run, Step))
    return run


def ends_with_a_snapshot(run: RunFolder, began: float) -> float:
    """The seconds since then after which the worker had saved a snapshot and ended."""
    wait_until(lambda: state_of(run).name == "stopped", seconds=3 * WITHIN_SECONDS)
    taken = time.monotonic() - began
    done = events_of(run)[-1]
    assert isinstance(done, Done)
    assert done.reason == "The program that started it has ended, so it stopped after saving a snapshot."
    assert snapshot_step(run) == done.step > 0
    assert state_of(run).resumable_from == done.step
    assert not list(run.output.iterdir())
    return taken


def status_once_read(address: str) -> Any:
    """The status of the run, which has ended: each poll reads its events for some milliseconds."""
    poll = partial(asked, f"{address}/projects/dog/runs/dog-001/status")
    return wait_until(lambda: (told := poll())["state"] != "running" and told)


WAYS: dict[str, list[signal.Signals]] = {
    "killed": [signal.SIGKILL],
    "Ctrl+C once": [signal.SIGINT],
    "Ctrl+C twice": [signal.SIGINT, signal.SIGINT],
    "ended by the system": [signal.SIGTERM],
}


def test_a_server_that_ends(toy: Toy, tmp_path: Path, long: bool, measured: Callable[[str], None]) -> None:
    took: dict[str, float] = {}
    for way, signals in WAYS.items() if long else [("killed", WAYS["killed"])]:
        folder = tmp_path / way
        context = make_context(folder)
        settings = to_file(toy.settings(LENGTH))
        settings["output"]["name"] = "dog"
        Project.create(context.projects, "dog", "toy", settings)
        with serving(folder / "data") as (server, address):
            run = training(context.projects, address)
            began = time.monotonic()
            for number in signals:
                server.send_signal(number)
                time.sleep(0.3 if len(signals) > 1 else 0)
            took[way] = ends_with_a_snapshot(run, began)
        with serving(folder / "data") as (_, address):
            told = status_once_read(address)
            assert (told["active"], told["resumable"], told["state"]) == (False, True, "stopped")
    assert max(took.values()) < WITHIN_SECONDS
    seconds = ", ".join(f"{way} {taken:.1f} s" for way, taken in took.items())
    measured(f"snapshot and end after the server was gone: {seconds}")


def test_a_command_that_is_killed(toy: Toy, tmp_path: Path, long: bool, measured: Callable[[str], None]) -> None:
    """As when a terminal is closed. A detached run goes on."""
    if not long:
        pytest.skip("the server's test shows the same within the time of a short one")
    run = toy.run(LENGTH)
    driver = f"""
from pathlib import Path
from sd_finetune.commands.start import start
from sd_finetune.runs.folder import RunFolder
import sys
start(RunFolder(Path({str(run.path)!r})), detach=len(sys.argv) > 1)
"""
    command = subprocess.Popen([sys.executable, "-c", driver], env=environment(), stdout=subprocess.DEVNULL)
    wait_until(lambda: events_of(run, Step))
    command.kill()
    taken = ends_with_a_snapshot(run, time.monotonic())
    command.wait()
    assert taken < WITHIN_SECONDS
    subprocess.run([sys.executable, "-c", driver, "detached"], env=environment(), check=True)
    before = len(events_of(run, Step))
    wait_until(lambda: len(events_of(run, Step)) > before)
    time.sleep(WITHIN_SECONDS)
    assert state_of(run).name == "running"
    stopped = subprocess.run(
        [sys.executable, "-m", "sd_finetune", "stop", str(run.path)], env=environment(), capture_output=True, text=True
    )
    assert stopped.returncode == 0
    assert "stopped after" in stopped.stdout
    measured(f"after the command train was killed: {taken:.1f} s; a detached run went on and was stopped by `stop`")


def test_a_server_that_starts_anew_in_time_finds_it_at_work(
    toy: Toy, tmp_path: Path, long: bool, measured: Callable[[str], None]
) -> None:
    if not long:
        pytest.skip("takes half a minute")
    context = make_context(tmp_path)
    settings = to_file(toy.settings(LENGTH))
    settings["output"]["name"] = "dog"
    Project.create(context.projects, "dog", "toy", settings)
    with serving(tmp_path / "data") as (server, address):
        run = training(context.projects, address)
        server.kill()
        server.wait()
        second = make_context(tmp_path)
        before = events_of(run, Step)[-1].step
        job = second.runner.current()
        assert job is not None
        assert job.run.path == run.path
        time.sleep(2 * WITHIN_SECONDS)
        assert state_of(run).name == "running"
        assert events_of(run, Step)[-1].step > before
        second.runner.kill()
        wait_until(lambda: second.runner.current() is None)
    measured("a server that starts within 5 s goes on with the run")
