from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.runs import launch
from tests.screen import make_images

TOML = """
[base]
checkpoint = "base.safetensors"
[output]
name = "dog"
notes = "{act}"
[[concepts]]
folder = "images"
class_prompt = "a photo of a dog"
"""


@pytest.fixture
def make_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes a settings file whose worker will be the fake one of tests/unit/runs, acting out the given word."""
    monkeypatch.setattr(launch, "WORKER", "fake_worker")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "runs"))
    monkeypatch.chdir(tmp_path)
    shutil.copy(TOY_CHECKPOINT, tmp_path / "base.safetensors")
    make_images(tmp_path / "images", 1)

    def make(act: str) -> Path:
        path = tmp_path / "settings.toml"
        path.write_text(TOML.format(act=act))
        return path

    return make
