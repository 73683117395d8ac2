from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sd_finetune.runs import launch
from sd_finetune.runs.folder import RunFolder
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import from_dict


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    checkpoint = tmp_path / "base.safetensors"
    checkpoint.write_bytes(b"weights")

    def make(notes: str = "") -> Settings:
        concept = {"folder": "images", "class_prompt": "a photo of a dog"}
        return from_dict({"base": {"checkpoint": str(checkpoint)}, "output": {"notes": notes}, "concepts": [concept]})

    return make


@pytest.fixture
def make_run(
    tmp_path: Path, make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], RunFolder]:
    """Makes a run folder whose worker will be the fake one, acting out the given word."""
    monkeypatch.setattr(launch, "WORKER", "fake_worker")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    return lambda act: RunFolder.create(tmp_path / "runs", "run", make_settings(act))
