from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.errors import UserError
from sd_finetune.hosts.host import BaseCheckpoint
from sd_finetune.hosts.standalone import Standalone
from sd_finetune.ui.projects.check import check
from sd_finetune.ui.projects.creating import delete_project, example_project, project_from_checkpoint
from tests.diffusers_folders import save_folder
from tests.screen import make_host
from tests.toy import make_checkpoint


def listing(folder: Path, *checkpoints: BaseCheckpoint) -> Standalone:
    host = make_host(folder)
    host.checkpoints = lambda: list(checkpoints)
    return host


def test_the_loaded_checkpoint_is_the_one_when_it_is_asked_for(tmp_path: Path) -> None:
    one, other = tmp_path / "one.safetensors", tmp_path / "other.safetensors"
    for path in (one, other):
        shutil.copy(TOY_CHECKPOINT, path)
        shutil.copy(TOY_CHECKPOINT.with_suffix(".yaml"), path.with_suffix(".yaml"))
    for number, loaded in enumerate((other, one)):
        bases = (BaseCheckpoint(f"{path.name} [1a2b]", path, path == loaded) for path in (one, other))
        host = listing(tmp_path, *bases)
        project = project_from_checkpoint(host, f"dog{number}", None)
        assert project.settings()["base"]["checkpoint"] == str(loaded)
        assert project.read()["base"] == f"{loaded.name} [1a2b]"


def test_without_a_loaded_checkpoint_one_has_to_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No checkpoint is loaded: choose one from the list"):
        project_from_checkpoint(listing(tmp_path, BaseCheckpoint("toy", TOY_CHECKPOINT)), "dog", None)


def test_the_examples_checkpoint_stays_while_a_project_is_based_on_it(tmp_path: Path) -> None:
    host, ended = make_host(tmp_path), list[list[Path]]()
    host.begin_example = lambda: tmp_path / "placed.safetensors"
    host.end_example = lambda in_use: ended.append(list(in_use))
    projects = [example_project(host) for _ in range(2)]
    for project in projects:
        assert project.settings()["base"]["checkpoint"] == str(tmp_path / "placed.safetensors")
        assert project.read()["base"] == "placed.safetensors"
        delete_project(host, project)
    assert ended == [[tmp_path / "placed.safetensors"], []]


def test_a_folder_in_diffusers_layout_is_a_base(tmp_path: Path) -> None:
    """Listed where it stands among checkpoints, and taken as a path, as in a project whose base is changed."""
    host = make_host(tmp_path)
    folder = save_folder(make_checkpoint(tmp_path / "toy.safetensors"), tmp_path / "checkpoints" / "sd-v1.5")
    assert [base.title for base in host.checkpoints()[1:]] == ["sd-v1.5"]
    for number, chosen in enumerate(("sd-v1.5", str(folder))):
        project = project_from_checkpoint(host, f"dog{number}", chosen)
        assert project.settings()["base"]["checkpoint"] == str(folder)
        assert "base.checkpoint" not in check(project.settings()).faults
    (folder / "unet" / "config.json").unlink()
    with pytest.raises(UserError, match=r"lacks unet/config\.json"):
        project_from_checkpoint(host, "cat", str(folder))
