from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.ui.projects.project import Project
from tests.screen import Screen, make_context, make_images, pretend


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A context with the project "dog", and a worker that only pretends."""
    pretend(monkeypatch)
    found = Screen(make_context(tmp_path), make_images(tmp_path / "pictures"))
    Project.create(found.context.projects, "dog", "toy", found.settings())
    return found
