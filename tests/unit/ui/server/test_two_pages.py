"""Two pages edit one project: neither overwrites what the other has changed."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from fastapi.testclient import TestClient

from sd_finetune.ui.server.app import make_app
from sd_finetune.ui.server.context import Context
from tests.screen import Screen

PLACE = "/sd_finetune/projects/dog"


def client_of(context: Context) -> TestClient:
    return TestClient(make_app(context), base_url="http://127.0.0.1:7861")


@pytest.fixture
def client(screen: Screen) -> TestClient:
    return client_of(screen.context)


def change(client: TestClient, **changes: tuple[Any, Any]) -> dict[str, Any]:
    content = {name.replace("__", "."): {"was": was, "now": now} for name, (was, now) in changes.items()}
    answer = client.post(f"{PLACE}/changes", json={"changes": content})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_changes_of_different_options_are_both_kept(screen: Screen, client: TestClient) -> None:
    assert change(client, train__length=("20 steps", "30 steps"))["theirs"] == {}
    told = change(client, train__batch_size=(None, 2), method=(None, "lora"))
    assert told["theirs"] == {}
    assert told["project"]["settings"]["train"] == {"length": "30 steps", "batch_size": 2}
    assert told["project"]["check"]["faults"] == {}
    assert screen.context.project("dog").settings() == told["project"]["settings"]


def test_of_two_changes_of_one_option_the_first_stands_and_the_second_page_is_told(client: TestClient) -> None:
    change(client, train__length=("20 steps", "30 steps"))
    told = change(client, train__length=("20 steps", "40 steps"), train__batch_size=(None, 2))
    assert told["theirs"] == {"train.length": "30 steps"}
    assert told["project"]["settings"]["train"] == {"length": "30 steps", "batch_size": 2}


def test_the_same_change_twice_is_no_conflict(client: TestClient) -> None:
    """An answer that was lost is asked for again."""
    for _ in range(2):
        assert change(client, train__length=("20 steps", "30 steps"))["theirs"] == {}


def test_concepts_are_changed_as_a_whole(screen: Screen, client: TestClient) -> None:
    concepts = screen.settings()["concepts"]
    more = [*concepts, {"folder": "/other"}]
    assert change(client, concepts=(concepts, more))["theirs"] == {}
    assert change(client, concepts=(concepts, []))["theirs"] == {"concepts": more}


def test_an_option_is_left_out_again(client: TestClient) -> None:
    assert "samples" in change(client, samples__prompts=(["a dog"], None))["project"]["settings"]
    assert "method" not in change(client, method=(None, None))["project"]["settings"]


def test_another_page_notices_a_change(client: TestClient) -> None:
    def seen() -> tuple[str, str]:
        lists = client.get("/sd_finetune/projects").json()
        return lists["revisions"]["dog"], client.get(PLACE).json()["revision"]

    before = seen()
    assert before == seen(), "reading changes nothing"
    assert before[0] == before[1]
    told = change(client, train__length=("20 steps", "30 steps"))
    assert seen() == (told["project"]["revision"],) * 2 != before


def test_pages_at_once_lose_nothing(screen: Screen, client: TestClient) -> None:
    """Each adds a prompt to what it read until nobody was in between."""

    def add(number: int) -> None:
        prompts = ["a dog"]
        while True:
            theirs = change(client, samples__prompts=(prompts, [*prompts, str(number)]))["theirs"]
            if not theirs:
                return
            prompts = theirs["samples.prompts"]

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = screen.context.project("dog").settings()["samples"]["prompts"]
    assert sorted(kept) == sorted(["a dog", *map(str, range(8))])


def test_two_servers_on_one_folder_lose_nothing(screen: Screen) -> None:
    """As the test above, but each page has its own server."""
    clients = [client_of(Context.of(screen.context.host)) for _ in range(2)]

    def add(number: int) -> None:
        prompts = ["a dog"]
        for _ in range(1000):
            theirs = change(clients[number % 2], samples__prompts=(prompts, [*prompts, str(number)]))["theirs"]
            if not theirs:
                return
            prompts = theirs["samples.prompts"]

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(screen.context.project("dog").settings()["samples"]["prompts"]) == ["0", "1", "2", "3", "a dog"]


def test_of_two_projects_of_one_name_one_is_created(screen: Screen) -> None:
    made: list[int] = []

    def create() -> None:
        content = {"name": "cat", "checkpoint": screen.context.host.checkpoints()[0].title}
        made.append(client_of(Context.of(screen.context.host)).post("/sd_finetune/projects", json=content).status_code)

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [200, 400, 400, 400]


def test_a_server_that_saves_without_end_is_told(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sd_finetune.ui.projects.saving.PATIENCE_SECONDS", 0.05)
    client = client_of(screen.context)
    with screen.context.saving:
        refused = client.post(f"{PLACE}/changes", json={"changes": {}})
    assert "Another program has been saving a project" in refused.json()["error"]
    assert client.post(f"{PLACE}/changes", json={"changes": {}}).status_code == 200


def test_the_base_is_changed_afterwards(screen: Screen, client: TestClient, tmp_path: Any) -> None:
    other = tmp_path / "checkpoints" / "other.safetensors"
    other.parent.mkdir()
    other.write_bytes(screen.context.host.checkpoints()[0].path.read_bytes())
    told = client.post(f"{PLACE}/base", json={"checkpoint": "other.safetensors"}).json()
    assert (told["base"], told["settings"]["base"]["checkpoint"]) == ("other.safetensors", str(other))
    assert told["settings"]["train"] == screen.settings()["train"]
    refused = client.post(f"{PLACE}/base", json={"checkpoint": "nothing.safetensors"})
    assert "is not a checkpoint" in refused.json()["error"]


def test_the_base_of_a_snapshot_stays(screen: Screen, client: TestClient, tmp_path: Any) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"x")
    project = screen.context.project("dog")
    project._write({**project.read(), "origin": {"step": 3, "of": "cat-001", "shape": {}}})
    refused = client.post(f"{PLACE}/base", json={"checkpoint": str(other)})
    assert "continues from a snapshot of cat-001" in refused.json()["error"]
