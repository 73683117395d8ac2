from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.errors import UserError
from sd_finetune.ui.projects.project import Model, all_models, named


def test_a_model_is_a_few_kilobytes_and_keeps_what_is_faulty(tmp_path: Path) -> None:
    model = Model.create(tmp_path, "my dog", "toy", {"train": {"length": "nonsense"}})
    assert model.settings() == {"train": {"length": "nonsense"}}
    model.write_settings({"method": "lora"})
    assert [found.settings() for found in all_models(tmp_path)] == [{"method": "lora"}]
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 4096


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    Model.create(tmp_path, "dog", "toy", {})
    with pytest.raises(UserError, match='a model "dog" already'):
        Model.create(tmp_path, "dog", "toy", {})


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "a\\b", ".hidden", "/etc", "x" * 101, "a\0b"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot be a file name"):
        named(tmp_path, name)


def test_deleting_takes_all_of_it(tmp_path: Path) -> None:
    model = Model.create(tmp_path, "dog", "toy", {})
    (model.runs / "dog-001").mkdir(parents=True)
    model.delete()
    assert all_models(tmp_path) == []
    assert not model.folder.exists()
