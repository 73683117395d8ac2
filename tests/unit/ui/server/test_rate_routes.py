"""The trial of learning rates as a script asks for it."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from sd_finetune.ui.projects.project import RATE_TRIALS
from sd_finetune.ui.server.app import make_app
from tests.screen import Screen, wait_until

PLACE = "/sd_finetune/projects/dog"


@pytest.fixture
def client(screen: Screen) -> TestClient:
    return TestClient(make_app(screen.context), base_url="http://127.0.0.1:7861")


def tried(screen: Screen, client: TestClient) -> dict[str, object]:
    assert client.post(f"{PLACE}/rates/find").json() == {}
    wait_until(lambda: screen.context.runner.current() is None)
    return client.get(f"{PLACE}/rates").json()


def test_a_trial_suggests_a_learning_rate_that_can_be_used(screen: Screen, client: TestClient) -> None:
    project = screen.context.project("dog")
    assert client.get(f"{PLACE}/rates").json() == {
        "tried": 0,
        "suggested": None,
        "option": "",
        "curve": "",
    }
    assert "press Find learning rate" in client.post(f"{PLACE}/rates/use").json()["error"]
    before, runs = project.settings(), sorted(project.runs.glob("*"))
    found = tried(screen, client)
    assert found["tried"] == 40
    assert found["option"] == "train.unet_learning_rate"
    assert project.settings() == before, "finding changes nothing"
    assert sorted(project.runs.glob("*")) == runs
    assert f"suggested: {found['suggested']:g}" in str(found["curve"])
    client.post(f"{PLACE}/rates/use")
    assert project.settings()["train"]["unet_learning_rate"] == found["suggested"]


def test_of_trials_only_the_last_is_kept(screen: Screen, client: TestClient) -> None:
    for _ in range(2):
        tried(screen, client)
    assert len(list((screen.context.project("dog").folder / RATE_TRIALS).iterdir())) == 1


def test_a_trial_can_be_ended_and_what_it_found_stays(screen: Screen, client: TestClient) -> None:
    client.post(f"{PLACE}/settings", json=screen.settings(output__notes="slow"))
    client.post(f"{PLACE}/rates/find")
    wait_until(lambda: client.get(f"{PLACE}/rates").json()["tried"] == 40)
    assert client.get("/sd_finetune/projects").json()["job"]["kind"] == "rates"
    assert client.post(f"{PLACE}/end").json() == {}
    wait_until(lambda: screen.context.runner.current() is None)
    assert client.get(f"{PLACE}/rates").json()["tried"] == 40


def test_what_chooses_its_learning_rate_is_refused(screen: Screen, client: TestClient) -> None:
    client.post(f"{PLACE}/settings", json=screen.settings(optimizer__name="adafactor_relative"))
    assert "chooses its learning rate itself" in client.post(f"{PLACE}/rates/find").json()["error"]
