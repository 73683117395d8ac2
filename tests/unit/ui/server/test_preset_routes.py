"""Presets as a script asks for them: looking, using, taking back, saving, sharing."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from sd_finetune.presets.preset import parse_preset
from sd_finetune.presets.shelf import our_presets
from sd_finetune.ui.server.app import make_app
from tests.screen import Screen

PLACE = "/sd_finetune/projects/dog"


@pytest.fixture
def client(screen: Screen) -> TestClient:
    return TestClient(make_app(screen.context), base_url="http://127.0.0.1:7861")


def listed(client: TestClient) -> dict[str, Any]:
    return {each["key"]: each for each in client.get("/sd_finetune/presets").json()}


def test_ours_are_listed_with_what_to_expect(client: TestClient) -> None:
    found = listed(client)
    assert found.keys() == {kept.key for kept in our_presets()}
    one = found["lora-subject-few"]
    assert (one["method"], one["subject"], one["own"], one["fault"]) == ("lora", "Subject", False, "")
    assert [sentence.split(" ")[0] for sentence in one["expected"]] == ["Expect", "VRAM,", "Mean"]


def test_looking_changes_nothing_and_using_does_what_was_seen(screen: Screen, client: TestClient) -> None:
    project = screen.context.project("dog")
    before = project.settings()
    seen = client.get(f"{PLACE}/presets/lora-subject-few").json()
    assert project.settings() == before
    assert seen["changes"]["train.length"] == {"was": "20 steps", "now": "800 steps"}
    assert seen["changes"]["lora.rank"] == {"was": None, "now": 8}
    assert seen["vram"] > 1e8
    assert client.post(f"{PLACE}/presets/lora-subject-few/use").json() == seen
    after = project.settings()
    assert (after["train"]["length"], after["lora"]["rank"]) == ("800 steps", 8)
    assert after["concepts"] == before["concepts"]
    assert after["samples"] == before["samples"]
    assert client.get(f"{PLACE}/presets/lora-subject-few").json()["changes"] == {}
    undone = {name: {"was": change["now"], "now": change["was"]} for name, change in seen["changes"].items()}
    assert client.post(f"{PLACE}/changes", json={"changes": undone}).json()["theirs"] == {}
    assert {name: table for name, table in project.settings().items() if table} == before


def test_another_method_is_a_change_like_any_other(screen: Screen, client: TestClient) -> None:
    seen = client.post(f"{PLACE}/presets/hypernetwork-style/use").json()
    assert seen["changes"]["method"]["now"] == "hypernetwork"
    assert screen.context.project("dog").settings()["method"] == "hypernetwork"


def test_ones_own_is_saved_shared_and_deleted(screen: Screen, client: TestClient) -> None:
    client.post(f"{PLACE}/settings", json=screen.settings(lora__rank=99, train__mixed_precision="bf16"))
    before = client.get("/sd_finetune/projects").json()["presets"]
    saved = client.post(f"{PLACE}/presets", json={"name": "mine", "description": "For dogs"}).json()
    assert (saved["key"], saved["own"], saved["description"]) == ("mine", True, "For dogs")
    assert saved["expected"], "its VRAM is estimated"
    assert client.get("/sd_finetune/projects").json()["presets"] != before
    answer = client.get("/sd_finetune/presets/mine/file")
    assert "mine.toml" in answer.headers["content-disposition"]
    text = answer.text
    preset = parse_preset(screen.pictures, text)
    assert preset.settings == {"prior.weight": 0, "train.length": "20 steps", "lora.rank": 99}
    assert str(screen.pictures) not in text
    assert "sks" not in text
    assert 'There is a preset "mine" already' in client.post(f"{PLACE}/presets", json={"name": "mine"}).json()["error"]
    again = {"name": "mine", "instead": True, "with_all": True}
    assert client.post(f"{PLACE}/presets", json=again).status_code == 200
    assert 'mixed_precision = "bf16"' in client.get("/sd_finetune/presets/mine/file").text
    added = client.post("/sd_finetune/presets/import", json={"file": "mine.toml", "text": text}).json()
    assert added["key"] == "mine (2)"
    for key in ("mine", "mine (2)"):
        assert client.post(f"/sd_finetune/presets/{key}/delete").json() == {}
    assert listed(client).keys() == {kept.key for kept in our_presets()}


@pytest.mark.parametrize(
    ("address", "body", "sentence"),
    [
        ("/presets/none/delete", {}, 'There is no preset "none"'),
        ("/presets/lora-style/delete", {}, "comes with SD Fine-Tune"),
        ("/projects/dog/presets/none/use", {}, 'There is no preset "none"'),
        ("/projects/dog/presets", {"name": "../up"}, '"../up" is not valid as a file name'),
        ("/projects/dog/presets", {"name": "lora-style"}, "comes with SD Fine-Tune"),
        ("/projects/dog/presets", {"name": "a", "with_all": "yes"}, 'with_all is "yes": use true or false.'),
        ("/presets/import", {"file": "x.toml", "text": "[preset"}, "x.toml is not valid TOML"),
        ("/presets/import", {"file": "../../x.toml", "text": "[lora]\nrank = 1\n"}, "x.toml is not a preset"),
    ],
)
def test_what_cannot_be_done(client: TestClient, address: str, body: dict[str, Any], sentence: str) -> None:
    answer = client.post(f"/sd_finetune{address}", json=body)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_faulty_settings_are_not_saved(screen: Screen, client: TestClient) -> None:
    client.post(f"{PLACE}/settings", json=screen.settings(lora__rank="many"))
    error = client.post(f"{PLACE}/presets", json={"name": "mine"}).json()["error"]
    assert 'Network rank "many" is not valid' in error
    assert "mine" not in listed(client)


def test_a_file_that_cannot_be_read_is_listed_and_can_be_deleted(screen: Screen, client: TestClient) -> None:
    folder = screen.context.host.data_folder / "presets"
    folder.mkdir(parents=True)
    (folder / "broken.toml").write_text("[preset")
    assert "not valid TOML" in listed(client)["broken"]["fault"]
    assert "not valid TOML" in client.post(f"{PLACE}/presets/broken/use").json()["error"]
    client.post("/sd_finetune/presets/broken/delete")
    assert "broken" not in listed(client)
