"""The command import: a settings file that can be trained with."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from sd_finetune.__main__ import main
from sd_finetune.settings.read import read_toml


def test_a_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / 'my "kohya"'
    for folder in ("10_sks dog", "rest"):
        (home / folder).mkdir(parents=True)
        Image.new("RGB", (32, 32)).save(home / folder / "1.png")
    monkeypatch.chdir(tmp_path)
    assert main(["import", home.name, "--output", "new/dog.toml", "--base", "base.safetensors"]) == 0
    told = capsys.readouterr().out
    assert "rest has no number of repeats in its name, and is left out." in told
    assert told.endswith("train with: python -m sd_finetune train new/dog.toml\n")
    settings = read_toml(tmp_path / "new/dog.toml")
    assert settings.base.checkpoint == str(tmp_path / "base.safetensors")
    assert settings.prior_weight() == 0
    (concept,) = settings.concepts
    assert (concept.folder, concept.repeats, concept.instance_prompt) == (str(home / "10_sks dog"), 10, "sks dog")
    assert main(["import", home.name, "--output", "new/dog.toml"]) == 2
    assert "is there already: choose another name" in capsys.readouterr().err


def test_it_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "2_sks dog").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "2_sks dog/1.png")
    assert main(["import", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# Imported from ")
    assert "[[concepts]]" in printed
    assert main(["import", str(tmp_path / "gone")]) == 2
