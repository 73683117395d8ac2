from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.settings.missing_files import missing_files, missing_for_training, refuse
from sd_finetune.settings.read import from_dict


def test_all_that_is_missing_is_told_together(content: dict[str, Any], tmp_path: Path) -> None:
    content["base"] = {"checkpoint": "/no/c", "config": "/no/y", "continue_from": "/no/l"}
    content["concepts"] = [
        {**content["concepts"][0], "folder": str(tmp_path)},
        {**content["concepts"][0], "folder": "/no/f", "class_folder": "/no/k"},
    ]
    settings = from_dict(content)
    with pytest.raises(UserError) as raised:
        refuse(missing_files(settings))
    assert str(raised.value).splitlines() == [
        "base.checkpoint = /no/c not found: give the path of a file.",
        "base.config = /no/y not found: give the path of a file.",
        "base.continue_from = /no/l not found: give the path of a file.",
        "concepts.2.folder = /no/f not found: give the path of a folder.",
        "concepts.2.class_folder = /no/k not found: give the path of a folder.",
    ]
    without_prior = from_dict({**content, "prior": {"weight": 0}})
    assert "concepts.2.class_folder" not in missing_files(without_prior), "no image of it is used"


def test_paths_that_cannot_be_looked_at_are_missing(content: dict[str, Any], tmp_path: Path) -> None:
    content["base"]["config"] = "n" * 300
    content["concepts"][0]["folder"] = "n" * 5000
    assert list(missing_files(from_dict(content))) == ["base.checkpoint", "base.config", "concepts.1.folder"]


def test_a_file_for_a_folder_and_the_other_way_round_is_told(content: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.touch()
    content["base"] = {"checkpoint": str(file), "continue_from": str(tmp_path)}
    content["concepts"] = [{**content["concepts"][0], "folder": str(file), "metadata_file": str(tmp_path)}]
    assert missing_files(from_dict(content)) == {
        "base.continue_from": f"base.continue_from = {tmp_path} is a folder: give the path of a file.",
        "concepts.1.metadata_file": f"concepts.1.metadata_file = {tmp_path} is a folder: give the path of a file.",
        "concepts.1.folder": f"concepts.1.folder = {file} is a file: give the path of a folder.",
    }


def test_what_needs_a_gpu_is_told_where_there_is_none(content: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def told(**train: str) -> dict[str, str]:
        found = missing_for_training(from_dict({**content, "train": train}))
        return {name: found[name] for name in found if name.startswith("train.")}

    monkeypatch.setattr("sd_finetune.settings.missing_files.has_no_gpu", lambda: True)
    asked = 'train.device = "cuda" needs a CUDA GPU, and none was found: set it to "auto".'
    assert told(device="cuda", mixed_precision="fp16") == {"train.device": asked}
    asked = 'train.mixed_precision = "fp16" needs a GPU, and none was found: use "bf16" or "no".'
    assert told(mixed_precision="fp16") == {"train.mixed_precision": asked}
    assert told(mixed_precision="bf16") == {}

    monkeypatch.setattr("sd_finetune.settings.missing_files.has_no_gpu", lambda: False)
    assert told(device="cuda", mixed_precision="fp16") == {}

    monkeypatch.setattr("sd_finetune.settings.missing_files.gpu_kind", lambda: "apple")
    asked = 'The GPU of this Mac trains in fp32, without train.mixed_precision = "bf16": set that to "no", or train.'
    assert told(mixed_precision="bf16") == {"train.mixed_precision": f'{asked}device to "cpu".'}
    assert told(device="cpu", mixed_precision="bf16") == {}


@pytest.mark.parametrize(
    ("found", "there"),
    [
        (0, "has none: set it to 1."),
        (1, "has 1: set it to 1."),
        (2, "has 2: set it to 2 or less."),
        (3, ""),
        (None, ""),
    ],
)
def test_more_devices_than_there_are_gpus_are_told(
    content: dict[str, Any], found: int | None, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sd_finetune.settings.missing_files.gpu_count", lambda: found)
    asked = from_dict({**content, "train": {"devices": 3}})
    sentence = f"train.devices = 3 needs 3 GPUs, and this machine {there}"
    assert missing_for_training(asked).get("train.devices", "") == (sentence if there else "")
    for fewer in ({"devices": 3, "device": "cpu"}, {"devices": 1}):
        assert "train.devices" not in missing_for_training(from_dict({**content, "train": fewer}))
