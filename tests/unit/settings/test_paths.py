"""Paths as people paste them, by every way that settings come in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.missing_files import missing_files
from sd_finetune.settings.paths import pasted_path
from sd_finetune.settings.plain import concepts, text
from sd_finetune.settings.read import from_dict, read_toml

POSIX = pytest.mark.skipif(os.name == "nt", reason="a backslash separates there")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "my dog"
    made.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return made


def ways(folder: Path) -> list[str]:
    return [
        str(folder), f'"{folder}"', f"'{folder}'", f"  {folder}\n", f' "{folder}" ', "~/my dog", '"~/my dog"',
        folder.as_uri(), f"“{folder}”",
    ]  # fmt: skip


def test_every_way_to_write_it(folder: Path) -> None:
    assert {Path(pasted_path(way)) for way in ways(folder)} == {folder}


@POSIX
def test_backslashes(folder: Path) -> None:
    assert pasted_path(str(folder).replace(" ", r"\ ")) == str(folder)
    assert pasted_path(str(folder).replace("/", "\\")) == str(folder)
    assert pasted_path(r"C:\images\dog") == r"C:\images\dog", (
        "nothing else is there, so the sentence shows what was typed"
    )
    odd = folder.parent / "a\\b"
    odd.mkdir()
    assert pasted_path(str(odd)) == str(odd)


def test_what_is_there_by_that_name_is_meant(folder: Path) -> None:
    spaced = folder.parent / " dog "
    spaced.mkdir()
    assert pasted_path(str(spaced)) == str(spaced)
    assert pasted_path("file:///C:/images/a%20dog") == "C:/images/a dog"
    assert pasted_path(" ") == pasted_path("") == ""


@given(st.text())
@example("~\0")
@example("~\ud800/a")
def test_any_text_gives_some_path(given_text: str) -> None:
    assert isinstance(pasted_path(given_text), str)


def test_settings_of_all_kinds_read_them_so(folder: Path, content: dict[str, Any]) -> None:
    for way in ways(folder):
        concept = {**content["concepts"][0], "folder": way}
        assert Path(from_dict({**content, "concepts": [concept]}).concepts[0].folder) == folder
        assert Path(concepts({"concepts": [concept]})[0]["folder"]) == folder
        assert Path(text({"base": {"checkpoint": way}}, "base.checkpoint")) == folder
    file = folder / "settings.toml"
    file.write_text(
        '[base]\ncheckpoint = "\'~/my dog/a.ckpt\'"\n[[concepts]]\nfolder = \' "../my dog" \'\nclass_prompt = "x"\n'
    )
    settings = read_toml(file, [f"output.folder={folder.as_uri()}"])
    assert Path(settings.base.checkpoint) == folder / "a.ckpt"
    assert Path(settings.concepts[0].folder).resolve() == folder
    assert Path(settings.output.folder) == folder


@POSIX
@pytest.mark.parametrize("path", ["C:\\models\\a.ckpt", "d:/models/a.ckpt", "\\\\server\\models\\a.ckpt"])
def test_a_path_of_windows_is_told_as_it_stands(folder: Path, path: str) -> None:
    """It is not taken for one inside the folder of the settings file."""
    file = folder / "settings.toml"
    file.write_text(f"[base]\ncheckpoint = '{path}'\n[[concepts]]\nfolder = 'x'\nclass_prompt = 'x'\n")
    assert read_toml(file).base.checkpoint == path
    assert read_toml(file, [f"base.checkpoint={path}"]).base.checkpoint == path
    assert missing_files(read_toml(file))["base.checkpoint"].startswith(f"base.checkpoint = {path} not found")


def test_every_path_is_one_of_them() -> None:
    paths = [name for name, member in all_options().items() if member.option is not None and member.option.is_path]
    assert {
        name
        for name in all_options()
        if name.endswith(("_folder", ".folder", ".checkpoint", ".config", ".vae", "continue_from", "metadata_file"))
    } == set(paths)
