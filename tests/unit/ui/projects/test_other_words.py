"""What is told of a new word before training, where the host has such an embedding already."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import EventLog, Saved
from sd_finetune.settings.read import from_dict
from sd_finetune.ui.projects.project import Project
from sd_finetune.ui.server.app import make_app
from tests.screen import Screen


def warnings(screen: Screen) -> list[tuple[str, str]]:
    client = TestClient(make_app(screen.context), base_url="http://127.0.0.1:7861")
    told = client.get("/sd_finetune/projects/dog").json()["check"]["warnings"]
    return [(each["name"], each["sentence"]) for each in told if "WebUI" in each["sentence"]]


@pytest.fixture
def embeddings(screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(screen.context.host, "result_folder", lambda kind: tmp_path / "embeddings")
    (tmp_path / "embeddings").mkdir()
    settings = screen.settings(method="textual_inversion", output__name="zib")
    settings["concepts"].append({**settings["concepts"][0], "word": "zab"})
    Project(screen.context.projects / "dog").write_settings(settings)
    return tmp_path / "embeddings"


def test_words_of_others_are_told_and_the_project_s_own_are_not(screen: Screen, embeddings: Path) -> None:
    for name in ("zib.pt", "zab cat.pt", "sks.pt"):
        (embeddings / name).touch()
    (first, of_run), (second, of_concept) = warnings(screen)
    assert (first, second) == ("output.name", "concepts.2.word")
    assert of_run.startswith('"zib" is the name of another embedding')
    assert of_run.endswith("change File name, or rename that file.")
    assert of_concept.endswith(', and not as "zab": change Own new word of concept 2, or rename that file.')
    project = Project(screen.context.projects / "dog")
    run = RunFolder.create(project.runs, "zib", from_dict(project.settings()))
    EventLog(run.events).append(Saved(10, "embedding", str(embeddings / "zib.pt")))
    assert [name for name, _ in warnings(screen)] == ["concepts.2.word"]
    project.write_settings({**project.settings(), "method": "lora"})
    assert warnings(screen) == []
