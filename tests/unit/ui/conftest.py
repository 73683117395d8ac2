from __future__ import annotations

from pathlib import Path

import pytest

from tests.screen import Screen, make_screen


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A context with the project "dog", and a worker that only pretends."""
    return make_screen(tmp_path, monkeypatch)
