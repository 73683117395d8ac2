from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.__main__ import main
from sd_finetune.data.captioning.command_file import NAME
from tests.captioning import ALL, ONE, script
from tests.screen import make_images


def test_a_folder_is_captioned_by_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = make_images(tmp_path / "images")
    (images / "2.txt").write_text("mine")
    words = script(tmp_path, ONE)
    assert main(["caption", str(images), "--command", *words, "{image}"]) == 1
    assert (images / "0.txt").read_text() == "a dog, number 0\n"
    assert (images / "2.txt").read_text() == "mine"
    assert not (images / "1.txt").exists()
    told = capsys.readouterr()
    assert "Captioned 1 of 2 images." in told.out
    assert "1.png has no caption" in told.err
    assert "cannot open 1.png" in told.err


def test_the_program_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_images(tmp_path / "images")
    words = script(tmp_path, ALL)
    (tmp_path / NAME).write_text(f'[captioner]\ncommand = ["{Path(words[0]).as_posix()}", "caption.py"]\n')
    monkeypatch.chdir(tmp_path)
    for existing, text in (("keep", "a dog, number 1"), ("after", "a dog, number 1, a dog, number 1")):
        assert main(["caption", "images", "--existing", existing, "--captioner", NAME]) == 0
        assert (tmp_path / "images" / "1.txt").read_text() == f"{text}\n"


def test_without_a_program_it_says_how(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["caption", str(make_images(tmp_path / "images"))]) == 2
    assert "end the line with --command and the program" in capsys.readouterr().err
    assert main(["caption", str(tmp_path), "--captioner", str(tmp_path / "no.toml")]) == 2
    assert "no.toml not found" in capsys.readouterr().err
