"""What keeps results from being saved, told before a run is made; tests/recipe/test_saving.py has the worker's side."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.runs.result_paths import place_faults
from sd_finetune.settings.options import Output, Settings
from sd_finetune.settings.read import from_dict


def faults(method: str = "lora", **groups: Any) -> dict[str, str]:
    whole = {"base": {"checkpoint": "c"}, "concepts": [{"folder": "f", "instance_prompt": "a [name]"}], **groups}
    return place_faults(from_dict({"method": method, "prior": {"weight": 0}, **whole}))


@pytest.mark.parametrize(
    ("method", "there"),
    [
        ("lora", "dog.safetensors"),
        ("lora", "Dog-step000100.safetensors"),
        ("dreambooth", "dog.yaml"),
        ("hypernetwork", "dog.pt"),
        ("textual_inversion", "dog.pt"),
    ],
)
def test_results_that_are_there_are_told(tmp_path: Path, method: str, there: str) -> None:
    own = {"textual_inversion": {"format": "pt"}} if method == "textual_inversion" else {}
    concepts = [{"folder": "f", "instance_prompt": "[filewords]"}] if method != "textual_inversion" else None
    groups = {**own, **({"concepts": concepts} if concepts else {})}
    output = {"folder": str(tmp_path), "name": "dog"}
    (tmp_path / "other.safetensors").touch()
    assert faults(method, output=output, **groups) == {}
    (tmp_path / there).touch()
    told = f"{tmp_path / there} already exists: change output.name, or move that file."
    assert faults(method, output=output, **groups) == {"output.name": told}
    assert faults(method, output={"name": "dog"}, **groups) == {}, "a new run has a folder of its own"


def test_words_beside_a_lora_are_told_too(tmp_path: Path) -> None:
    own = {"lora": {"new_words": "beside"}, "textual_inversion": {"word": "zib"}}
    output = {"folder": str(tmp_path), "name": "dog"}
    for name, folder in (("", tmp_path / "dog_embeddings"), (str(tmp_path / "e"), tmp_path / "e")):
        asked = {**output, "embeddings_folder": name} if name else output
        assert faults(output=asked, **own) == {}
        folder.mkdir()
        (folder / "dog.safetensors").touch()
        assert list(faults(output=asked, **own)) == ["output.name"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {"concepts": [{"folder": "f", "instance_prompt": "a dog"}]}
    (tmp_path / "file").touch()
    there = {"folder": str(tmp_path / "file" / "deep"), "name": "dog"}
    told = faults(output=there, **plain)
    assert list(told) == ["output.folder"]
    assert "dog.safetensors cannot be written (Not a directory): choose another folder" in told["output.folder"]
    new = {"folder": str(tmp_path / "new" / "deep"), "name": "dog"}
    assert faults(output=new, **plain) == {}
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    assert "cannot be written (Permission denied)" in faults(output=new, **plain)["output.folder"]
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_into_nowhere_or_to_what_is_closed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {"concepts": [{"folder": "f", "instance_prompt": "a dog"}]}
    (tmp_path / "link").symlink_to(tmp_path / "closed" / "in")
    there = {"folder": str(tmp_path / "link"), "name": "dog"}
    assert list(faults(output=there, **plain)) == ["output.folder"]

    def closed(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", closed)  # as it does up to Python 3.13
    assert list(faults(output=there, **plain)) == ["output.folder"]


def test_of_names_that_no_file_can_have_nothing_more_is_told(tmp_path: Path) -> None:
    asked = Settings(method="lora", output=Output(folder=str(tmp_path), subfolder="a\0b", name="dog"))
    assert place_faults(asked) == {}
    assert place_faults(replace(asked, output=Output(folder=str(tmp_path), name="a/b"))) == {}
    assert place_faults(replace(asked, output=Output(folder=str(tmp_path), name_pattern="{"))) == {}
