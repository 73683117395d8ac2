from __future__ import annotations

import json
from pathlib import Path

import pytest

from sd_finetune.errors import UserError
from sd_finetune.settings.migrations import VERSION
from sd_finetune.ui.projects.project import Project, all_projects, project_named


def test_a_project_is_a_few_kilobytes_and_keeps_what_is_faulty(tmp_path: Path) -> None:
    project = Project.create(tmp_path, "my dog", "toy", {"train": {"length": "nonsense"}})
    assert project.settings() == {"train": {"length": "nonsense"}}
    project.write_settings({"method": "lora"})
    assert [found.settings() for found in all_projects(tmp_path)] == [{"method": "lora"}]
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 4096


def test_a_project_of_an_earlier_version_is_found(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "model.json").write_text('{"created": 1.0, "base": "toy", "settings": {"method": "lora"}}')
    assert [(found.name, found.settings(), found.origin()) for found in all_projects(tmp_path)] == [
        ("old", {"method": "lora"}, None)
    ]


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    Project.create(tmp_path, "dog", "toy", {})
    with pytest.raises(UserError, match='Project "dog" exists already'):
        Project.create(tmp_path, "dog", "toy", {})


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "a\\b", ".hidden", "/etc", "x" * 101, "a\0b"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot be the name of a project: use up to 100 letters"):
        project_named(tmp_path, name)


def test_deleting_takes_all_of_it(tmp_path: Path) -> None:
    project = Project.create(tmp_path, "dog", "toy", {})
    (project.runs / "dog-001").mkdir(parents=True)
    project.delete()
    assert all_projects(tmp_path) == []
    assert not project.folder.exists()


OLD = Path(__file__).parents[2] / "settings" / "old" / "project-1.json"


@pytest.fixture
def old(tmp_path: Path) -> Project:
    """A project as version 0.1.0 saved it."""
    project = Project(tmp_path / "zib-7")
    project.folder.mkdir()
    project.file.write_bytes(OLD.read_bytes())
    return project


def test_a_project_of_version_1_is_opened_and_saved_with_the_names_of_today(old: Project) -> None:
    expected = {"every": "5 steps", "images": 3, "timesteps": "many"}
    assert old.settings()["evaluation"] == expected
    assert old.settings()["textual_inversion"]["own_templates"] == ["a photo of [name]"]
    old.write_settings({**old.settings(), "method": "lora"})
    saved = json.loads(old.file.read_text())
    assert (saved["version"], saved["created"], saved["base"]) == (VERSION, 1763990000.5, "v1-5.safetensors")
    assert (saved["settings"]["method"], saved["settings"]["evaluation"]) == ("lora", expected)
    assert "version" not in saved["settings"]


def test_a_project_of_a_newer_version_is_refused_and_stays(old: Project) -> None:
    newer = json.dumps({**json.loads(old.file.read_text()), "version": VERSION + 1})
    old.file.write_text(newer)
    for use in (old.settings, lambda: old.write_settings({})):
        with pytest.raises(UserError, match=f"version = {VERSION + 1} of the settings is newer than {VERSION}"):
            use()
    assert old.file.read_text() == newer


def test_settings_of_a_run_s_file_can_be_kept(tmp_path: Path) -> None:
    """They say their version, which is the project's own to say."""
    project = Project.create(tmp_path, "dog", "toy", {})
    project.write_settings({"version": 1, "evaluation": {"draws": 3}})
    assert project.settings() == {"evaluation": {"timesteps": 3}}
    with pytest.raises(UserError, match="is newer than"):
        project.write_settings({"version": VERSION + 1})
    assert project.settings() == {"evaluation": {"timesteps": 3}}


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"settings": 3}'])
def test_a_damaged_project_is_refused(old: Project, damage: str) -> None:
    old.file.write_text(damage)
    with pytest.raises(UserError, match=r"model\.json is damaged \(.*\): delete the project"):
        old.read()
