from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.errors import UserError
from sd_finetune.hosts.host import BaseCheckpoint
from sd_finetune.hosts.standalone import Standalone
from sd_finetune.ui.projects.creating import project_from_checkpoint
from tests.screen import make_host


def listing(folder: Path, *checkpoints: BaseCheckpoint) -> Standalone:
    host = make_host(folder)
    host.checkpoints = lambda: list(checkpoints)
    return host


def test_the_loaded_checkpoint_is_the_one_when_it_is_asked_for(tmp_path: Path) -> None:
    one, other = tmp_path / "one.safetensors", tmp_path / "other.safetensors"
    for number, loaded in enumerate((other, one)):
        bases = (BaseCheckpoint(f"{path.name} [1a2b]", path, path == loaded) for path in (one, other))
        host = listing(tmp_path, *bases)
        project = project_from_checkpoint(host, f"dog{number}", None)
        assert project.settings()["base"]["checkpoint"] == str(loaded)
        assert project.read()["base"] == f"{loaded.name} [1a2b]"


def test_without_a_loaded_checkpoint_one_has_to_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No checkpoint is loaded: choose one from the list"):
        project_from_checkpoint(listing(tmp_path, BaseCheckpoint("toy", TOY_CHECKPOINT)), "dog", None)
