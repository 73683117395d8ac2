"""What another server or command works on, on the same data folder, is neither removed nor offered."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from sd_finetune.hosts.host import Interrogator
from sd_finetune.runs.file_lock import hold
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import EventLog, Phase
from sd_finetune.runs.snapshots import MARKER, snapshot_folder
from sd_finetune.runs.worker_process import note_worker
from sd_finetune.ui.projects.project import CAPTIONINGS, GENERATED, RATE_TRIALS, RUNS
from sd_finetune.ui.server.app import make_app
from tests.screen import Screen, wait_until

PLACE = "/sd_finetune/projects/dog"
ANOTHER = f"is in the hands of process {os.getpid()}, another server or command on the same folder: wait until it ends"


@pytest.fixture
def client(screen: Screen) -> TestClient:
    return TestClient(make_app(screen.context), base_url="http://127.0.0.1:7861")


def job_of(screen: Screen, folder: str) -> RunFolder:
    """A job of the project in that folder of its own, with an event."""
    run = RunFolder(screen.context.project("dog").folder / folder / "earlier-001")
    run.path.mkdir(parents=True)
    EventLog(run.events).append(Phase("loading", 0, 1))
    return run


@contextmanager
def owned(run: RunFolder) -> Iterator[None]:
    with hold(run.owner_lock) or pytest.fail("it is free"):
        yield


@contextmanager
def without_owner(run: RunFolder) -> Iterator[None]:
    """As a detached run, or one whose server has ended a moment ago."""
    with hold(run.worker_lock) or pytest.fail("it is free"):
        yield


@contextmanager
def noted(run: RunFolder) -> Iterator[None]:
    """As images are generated, by a command that holds nothing."""
    note_worker(run, os.getpid(), since=0)
    yield
    (run.path / "worker.json").unlink()


@pytest.mark.parametrize("held", [owned, without_owner, noted])
@pytest.mark.parametrize("folder", [RUNS, GENERATED])
def test_a_project_is_not_deleted_while_another_process_works_on_it(
    screen: Screen, client: TestClient, held: Callable[[RunFolder], Any], folder: str
) -> None:
    run = job_of(screen, folder)
    with held(run):
        told = client.post(f"{PLACE}/delete").json()["error"]
        assert told == f'earlier-001 of project "dog" {ANOTHER}, or stop it there, then try again.'
        run.settings.write_text("{}")
        by_command = f"or stop it there or with `python -m sd_finetune stop {run.path}`, then try again."
        assert client.post(f"{PLACE}/delete").json()["error"].endswith(by_command)
        assert run.events.is_file()
    assert client.post(f"{PLACE}/delete").json()["projects"] == []
    assert not run.path.exists()


@pytest.mark.parametrize("folder", [RATE_TRIALS, CAPTIONINGS])
def test_a_job_of_another_server_is_not_removed_for_a_new_one(
    screen: Screen, client: TestClient, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    @contextmanager
    def ready() -> Iterator[Callable[[Any], str]]:
        yield lambda _: "a dog"

    monkeypatch.setattr(screen.context.host, "interrogators", lambda: [Interrogator("blip", "BLIP", "", ready)])
    run = job_of(screen, folder)
    press, content = {
        RATE_TRIALS: ("rates/find", {}),
        CAPTIONINGS: ("concepts/1/captions/make", {"by": "blip", "existing": "keep"}),
    }[folder]
    with owned(run):
        assert ANOTHER in client.post(f"{PLACE}/{press}", json=content).json()["error"]
        assert screen.context.runner.current() is None
        assert run.events.is_file()
    assert client.post(f"{PLACE}/{press}", json=content).json() == {}
    assert not run.path.exists()
    wait_until(lambda: screen.context.runner.current() is None)


def test_a_run_that_goes_on_elsewhere_is_not_offered_to_be_resumed(screen: Screen, client: TestClient) -> None:
    run = job_of(screen, RUNS)
    run.settings.write_text("{}")
    snapshot: Path = snapshot_folder(run.snapshots, 3)
    snapshot.mkdir(parents=True)
    (snapshot / MARKER).write_text("{}")
    for held in (owned, without_owner):
        with held(run):
            assert client.get(PLACE).json()["interrupted"] is None
    assert client.get(PLACE).json()["interrupted"] == {"run": "earlier-001", "step": 3}
