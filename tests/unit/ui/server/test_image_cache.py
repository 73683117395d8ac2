"""How much is in the image cache, and emptying it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from sd_finetune.data.image_cache import latents_in, mark
from sd_finetune.ui.projects.project import Project
from sd_finetune.ui.server.app import make_app
from tests.screen import Screen

PLACE = "/sd_finetune/projects/dog/image-cache"


@pytest.fixture
def client(screen: Screen) -> TestClient:
    return TestClient(make_app(screen.context), base_url="http://127.0.0.1:7861")


def filled(cache: Path) -> Path:
    mark(cache)
    file = latents_in(cache) / "ab" / "c.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(5000))
    return file


def keep(screen: Screen, **data: Any) -> None:
    Project(screen.context.projects / "dog").write_settings(screen.settings(data=data))


@pytest.mark.parametrize("own", [True, False])
def test_its_size_is_told_and_it_is_emptied(screen: Screen, client: TestClient, tmp_path: Path, own: bool) -> None:
    cache = tmp_path / "mine" if own else screen.context.host.data_folder / "image-cache"
    if own:
        keep(screen, cache_folder=str(cache))
    assert client.get(PLACE).json() == {"folder": str(cache), "files": 0, "size": 0}
    file = filled(cache)
    (cache / "latents" / "notes.txt").write_text("mine")
    assert client.get(PLACE).json() == {"folder": str(cache), "files": 1, "size": 5000}
    assert client.post(f"{PLACE}/empty").json() == {"folder": str(cache), "files": 0, "size": 0}
    assert not file.exists()
    assert (cache / "latents" / "notes.txt").exists()


def test_no_other_folder_is_emptied(screen: Screen, client: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "models" / "latents" / "dog.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(10))
    keep(screen, cache_folder=str(tmp_path / "models"))
    assert client.post(f"{PLACE}/empty").json()["files"] == 0
    assert file.exists()
