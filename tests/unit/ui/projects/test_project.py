from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.errors import UserError
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
