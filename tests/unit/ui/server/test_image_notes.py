"""The tab and its workers share what is noted about images."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from sd_finetune.data import seen_before, usable
from sd_finetune.data.images import Seen
from sd_finetune.settings.read import from_dict
from sd_finetune.training.phases import look_of
from sd_finetune.ui.projects.host_folders import fill_host_folders
from sd_finetune.ui.server.app import make_app
from tests.screen import Screen


@pytest.mark.parametrize("path", ["", "/concepts/1"])
def test_what_the_tab_has_read_no_worker_reads_again(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str
) -> None:
    def not_again(file: Path, *_: object) -> Seen:
        raise AssertionError(f"{file} is read again")

    monkeypatch.setattr(seen_before, "SETTLED_SECONDS", -1)
    usable._remembered.cache_clear()  # pyright: ignore[reportPrivateUsage]
    client = TestClient(make_app(screen.context), base_url="http://127.0.0.1:7861")
    assert client.get(f"/sd_finetune/projects/dog{path}").status_code == 200
    settings = from_dict(fill_host_folders(screen.context.host, screen.settings()))
    usable._remembered.cache_clear()  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(usable, "look_at", not_again)
    look = look_of(settings, tmp_path / "runs", lambda _: None)
    assert len(usable.usable_images(screen.pictures, look=look).sizes) == 3
