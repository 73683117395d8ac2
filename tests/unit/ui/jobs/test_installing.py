"""Installing an optional package from the tab: in a process that nobody waits for. pip only pretends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from sd_finetune.ui.server.app import make_app
from tests.optional_packages import PACKAGE, PIP, VERSION, pretend_gpu
from tests.screen import Screen, wait_until

INSTALL = f"/sd_finetune/packages/{PACKAGE}/install"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pretend_gpu(monkeypatch, tmp_path / "packages")
    return tmp_path / "packages"


@pytest.fixture
def client(screen: Screen, place: Path) -> TestClient:
    return TestClient(make_app(screen.context), base_url="http://127.0.0.1:7861")


def state(client: TestClient) -> dict[str, Any]:
    return client.get("/sd_finetune/projects").json()["installing"]


def ended(client: TestClient) -> dict[str, Any]:
    return wait_until(lambda: None if (now := state(client))["running"] else now)


def offer(client: TestClient) -> dict[str, Any]:
    (found,) = (each for each in client.get("/sd_finetune/packages").json()["offers"] if each["package"] == PACKAGE)
    return found


def attention(client: TestClient) -> dict[str, str]:
    form = client.get("/sd_finetune/packages").json()["form"]
    (option,) = (each for group in form["groups"] for each in group["fields"] if each["name"] == "train.attention")
    return option["unavailable"]


def test_a_press_installs_it_and_the_form_offers_what_it_brings(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sd_finetune.ui.projects.form.has_gpu_driver", lambda: True)
    assert state(client) is None
    assert offer(client)["state"] == "offered"
    assert "press Install under Memory" in attention(client)[PACKAGE]
    assert client.post(INSTALL).json() == {}
    told = ended(client)
    assert (told["package"], told["failed"]) == (PACKAGE, "")
    assert f"Successfully installed {PACKAGE}-{VERSION}" in told["lines"]
    assert (offer(client)["state"], offer(client)["version"]) == ("installed", VERSION)
    assert PACKAGE not in attention(client)
    assert "is installed already: there is nothing to do" in client.post(INSTALL).json()["error"]


def test_it_can_be_stopped_and_leaves_nothing(client: TestClient, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PIP, "waits")
    client.post(INSTALL)
    wait_until(lambda: "  Downloading" in state(client)["lines"])
    assert "xformers is being installed: wait until that is done, or stop it" in client.post(INSTALL).json()["error"]
    assert client.post("/sd_finetune/packages/stop").json() == {}
    told = state(client)
    assert (told["running"], told["failed"]) == (
        False, "The installation of xformers was stopped: nothing of it is left."
    )  # fmt: skip
    assert list(place.iterdir()) == []
    assert client.post("/sd_finetune/packages/stop").json() == {}


def test_a_failure_is_the_sentence_of_its_process(
    client: TestClient, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PIP, "fails")
    client.post(INSTALL)
    told = ended(client)
    assert told["failed"].startswith("xformers 0.0.33.post2 could not be installed (No matching distribution found")
    assert list(place.iterdir()) == []
    monkeypatch.setenv(PIP, "fine")
    client.post(INSTALL)
    assert ended(client)["failed"] == ""


def test_only_what_is_offered_is_installed(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("numpy", "xformers==0.0.1", "--index-url", "https:"):
        answer = client.post(f"/sd_finetune/packages/{name}/install").json()
        assert f'"{name}" is not offered: choose one of bitsandbytes, xformers.' == answer["error"]
    monkeypatch.setattr("sd_finetune.ui.jobs.installing.gpu_kind", lambda: "")
    assert "needs an NVIDIA GPU" in client.post(INSTALL).json()["error"]
    assert state(client) is None
