"""Projects that continue from a snapshot or a result of an earlier run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Done, EventLog, Saved
from sd_finetune.runs.snapshots import MARKER, snapshot_depends_on
from sd_finetune.settings.read import from_dict
from sd_finetune.ui.projects.continuing import origin_faults
from sd_finetune.ui.projects.host_folders import settings_of_run
from sd_finetune.ui.server.app import make_app
from tests.screen import Screen, wait_until


@pytest.fixture
def client(screen: Screen) -> TestClient:
    return TestClient(make_app(screen.context), base_url="http://127.0.0.1:7861")


@pytest.fixture
def stopped(screen: Screen) -> RunFolder:
    """A run of "dog", stopped at step 8 of 20."""
    settings = screen.settings(lora__rank=4, train__batch_size=2)
    run = RunFolder.create(screen.context.projects / "dog" / "runs", "dog", from_dict(settings))
    (run.snapshots / "step-000008").mkdir()
    for name in ("trained.safetensors", "optimizer.pt", MARKER):
        (run.snapshots / "step-000008" / name).write_text("{}" if name == MARKER else name)
    (run.output / "dog.safetensors").write_text("learned")
    EventLog(run.events).append(Saved(8, "lora", str(run.output / "dog.safetensors")))
    EventLog(run.events).append(Done(8, "stopped"))
    return run


def ask(client: TestClient, what: str, name: str = "puppy") -> Any:
    origin = {"project": "dog", "run": "dog-001", "what": what}
    return client.post("/sd_finetune/projects", json={"name": name, "continue_from": origin})


def test_what_can_be_gone_on_from(client: TestClient, stopped: RunFolder) -> None:
    (stopped.snapshots / "step-000012").mkdir()  # was never finished
    told = client.get("/sd_finetune/continuation-sources").json()
    facts = {"project": "dog", "run": "dog-001", "method": "lora", "step": 8}
    assert told == [{**facts, "what": "snapshot"}, {**facts, "what": "dog.safetensors"}]
    (stopped.output / "dog.safetensors").unlink()
    assert [entry["what"] for entry in client.get("/sd_finetune/continuation-sources").json()] == ["snapshot"]


def test_from_a_result(client: TestClient, stopped: RunFolder) -> None:
    made = ask(client, "dog.safetensors").json()
    assert made["settings"]["base"]["continue_from"] == str(stopped.output / "dog.safetensors")
    assert (made["settings"]["lora"]["rank"], made["settings"]["output"]["name"]) == (4, "puppy")
    assert made["base"] == "toy"
    assert "has no result cat.safetensors" in ask(client, "cat.safetensors", "cat").json()["error"]


def test_each_of_several_words_continues_from_its_file(screen: Screen, client: TestClient) -> None:
    settings = screen.settings(method="textual_inversion", output__name="zib")
    words = [{}, {"word": "zab", "word_file": "my zab"}, {"word": "ZAB"}]
    settings["concepts"] = [{**settings["concepts"][0], **word} for word in words]
    run = RunFolder.create(screen.context.projects / "dog" / "runs", "zib", from_dict(settings))
    for name in ("zib-step000010", "my zab-step000010", "zib", "my zab"):
        (run.output / f"{name}.safetensors").write_text("learned")
        EventLog(run.events).append(Saved(10, "embedding", str(run.output / f"{name}.safetensors")))
    for number, name in enumerate(("my zab", "zib", "zib-step000010")):
        suffix = "-step000010" if "step" in name else ""
        origin = {"project": "dog", "run": run.path.name, "what": f"{name}.safetensors"}
        asked = {"name": f"puppy {number}", "continue_from": origin}
        made = client.post("/sd_finetune/projects", json=asked).json()["settings"]
        assert made["base"]["continue_from"] == str(run.output / f"zib{suffix}.safetensors")
        files = [concept["continue_from"] for concept in made["concepts"]]
        assert files == ["", str(run.output / f"my zab{suffix}.safetensors"), ""]


def test_a_snapshot_is_of_its_words(screen: Screen) -> None:
    settings = screen.settings(method="textual_inversion")
    concept = {**settings["concepts"][0], "word": "zab"}
    plain, two = from_dict(settings), from_dict({**settings, "concepts": [*settings["concepts"], concept]})
    of_plain, of_two = ({"step": 0, "of": "dog-001", "shape": snapshot_depends_on(each)} for each in (plain, two))
    assert origin_faults(two, 9, of_two) == origin_faults(plain, 9, of_plain) == {}
    assert "concepts.word" in origin_faults(two, 9, of_plain)
    assert "concepts.word" in origin_faults(plain, 9, of_two)
    longer = from_dict({**settings, "concepts": [*settings["concepts"], {**concept, "vectors": 2}]})
    assert list(origin_faults(longer, 9, of_two)) == ["concepts.vectors"]


def test_from_a_snapshot_training_goes_on_at_its_step(screen: Screen, client: TestClient, stopped: RunFolder) -> None:
    assert ask(client, "snapshot").json()["source"]["step"] == 8
    assert client.post("/sd_finetune/projects/dog/delete").status_code == 200
    run = client.post("/sd_finetune/projects/puppy/train").json()["run"]
    wait_until(lambda: screen.context.runner.current() is None)
    told = client.get(f"/sd_finetune/projects/puppy/runs/{run}/status").json()
    assert [point[0] for point in told["points"]][:2] == [9, 10]
    assert (told["state"], told["step"]["step"]) == ("finished", 20)
    kept = screen.context.projects / "puppy" / "runs" / run / "snapshots" / "step-000008"
    assert (kept / "trained.safetensors").read_text() == "trained.safetensors"


@pytest.mark.parametrize(
    ("group", "option", "value", "name", "words"),
    [
        ("", "method", "dreambooth", "method", "does not match the snapshot of dog-001"),
        ("lora", "rank", 8, "lora.rank", "set it back to 4"),
        ("lora", "alpha", 1, "lora.alpha", 'set it back to "auto"'),
        ("train", "train_text_encoder", True, "train.train_text_encoder", "set it back to off"),
        ("train", "length", "8 steps", "train.length", "continues from step 8: make it longer"),
    ],
)
def test_what_does_not_fit_the_snapshot_is_told(
    client: TestClient, stopped: RunFolder, group: str, option: str, value: Any, name: str, words: str
) -> None:
    settings = ask(client, "snapshot").json()["settings"]
    (settings[group] if group else settings)[option] = value
    told = client.post("/sd_finetune/projects/puppy/settings", json=settings).json()
    assert words in told["faults"][name]
    refused = client.post("/sd_finetune/projects/puppy/train")
    assert refused.status_code == 400
    assert words in refused.json()["error"]


@pytest.mark.parametrize(
    ("option", "value", "old"),
    [
        ("activation", "relu", '"linear",'),
        ("activate_output", True, "false,"),
        ("dropout_structure", "0, 0.3, 0", '"",'),
        ("layer_structure", "1, 3, 1", '"1, 2, 1",'),
    ],
)
def test_a_hypernetwork_stays_the_function_that_it_is(screen: Screen, option: str, value: Any, old: str) -> None:
    before = from_dict(screen.settings(method="hypernetwork"))
    after = from_dict(screen.settings(method="hypernetwork", **{f"hypernetwork__{option}": value}))
    origin = {"step": 8, "of": "dog-001", "shape": snapshot_depends_on(before)}
    assert origin_faults(before, 20, origin) == {}
    assert list(origin_faults(after, 20, origin)) == [f"hypernetwork.{option}"]
    assert f"set it back to {old}" in origin_faults(after, 20, origin)[f"hypernetwork.{option}"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"method": "textual_inversion"}, ["method"]), ({"lora__new_words": "none"}, ["lora.new_words"])],
)
def test_what_follows_from_another_choice_is_not_told_beside_it(
    screen: Screen, changes: dict[str, Any], told: list[str]
) -> None:
    settings = screen.settings(lora__new_words="beside")
    settings["concepts"][0]["instance_prompt"] = "a photo of [name]"
    origin = {"step": 8, "of": "dog-001", "shape": snapshot_depends_on(from_dict(settings))}
    other = screen.settings(**{"lora__new_words": "beside", **changes})
    assert list(origin_faults(from_dict(other), 20, origin)) == told


def test_the_optimizer_stays_the_one_that_the_snapshot_is_of(screen: Screen) -> None:
    settings = from_dict(screen.settings())
    origin = {"step": 8, "of": "dog-001", "shape": {**snapshot_depends_on(settings), "optimizer.name": "another"}}
    assert 'set it back to "another"' in origin_faults(settings, 20, origin)["optimizer.name"]
    earlier = {**origin, "shape": {"method": "lora"}}  # as models have it that were made before there was a choice
    assert origin_faults(settings, 20, earlier) == {}


def test_a_run_without_a_snapshot(client: TestClient, stopped: RunFolder) -> None:
    (stopped.snapshots / "step-000008" / MARKER).unlink()
    assert "has no snapshot to continue from" in ask(client, "snapshot").json()["error"]
    assert not (stopped.path.parents[2] / "puppy" / "model.json").exists()


def test_settings_of_a_run_leave_open_what_the_host_had_decided(
    screen: Screen, client: TestClient, stopped: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen.context.host, "result_folder", lambda kind: tmp_path / "Lora")
    settings = json.loads(stopped.settings.read_text())
    settings["output"]["folder"] = str(tmp_path / "Lora")
    settings["class_images"]["cache_folder"] = str(screen.context.host.data_folder / "class-images")
    stopped.settings.write_text(json.dumps(settings))
    found = settings_of_run(screen.context.host, stopped)
    assert (found["output"]["folder"], found["class_images"]["cache_folder"]) == ("", "")
    client.post("/sd_finetune/projects/dog/runs/dog-001/settings/use")
    assert screen.context.project("dog").settings() == found


def test_settings_of_a_run_of_version_1_have_the_names_of_today(screen: Screen, stopped: RunFolder) -> None:
    settings = json.loads(stopped.settings.read_text())
    del settings["version"]
    settings["evaluation"] = {"every": "0 steps", "pictures": 3, "draws": 2}
    stopped.settings.write_text(json.dumps(settings))
    found = settings_of_run(screen.context.host, stopped)
    assert found["evaluation"] == {"every": "0 steps", "images": 3, "timesteps": 2}
    assert "version" not in found
