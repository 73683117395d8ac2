"""The command class-images: counts, tops up, and draws nothing that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.__main__ import main
from tests.toy import forget_accelerator, make_checkpoint, make_images

TOML = """
[base]
checkpoint = "toy.safetensors"
[data]
resolution = 64
[class_images]
steps = 1
[train]
device = "cpu"
[[concepts]]
folder = "subject"
instance_prompt = "a photo of sks star"
class_prompt = "a photo of a star"
class_folder = "own"
class_images = 4
"""


def test_own_images_first_then_drawn_ones_and_these_only_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_checkpoint(tmp_path / "toy.safetensors")
    make_images(tmp_path / "subject", 2)
    make_images(tmp_path / "own", 1)
    (tmp_path / "s.toml").write_text(TOML)
    asked = ["class-images", str(tmp_path / "s.toml"), "--runs", str(tmp_path / "runs")]
    try:
        assert main(asked) == 0
        first = capsys.readouterr().out.splitlines()
        (folder,) = (path for path in (tmp_path / "runs" / "class-images").iterdir() if path.is_dir())
        drawn = {file: file.stat().st_mtime_ns for file in folder.glob("*.png")}
        assert len(drawn) == 3
        told = ["concept 1, 'a photo of a star': 4 class images", f"  1 in {tmp_path / 'own'}", f"  3 in {folder}"]
        assert first[-3:] == told
        assert first[0].startswith("loading: 0 of 1")
        assert any(line.startswith("generating class images: 0 of 3") for line in first)
        assert main([*asked, "--set", "concepts.1.class_images=5"]) == 0
        again = capsys.readouterr().out.splitlines()
        assert any(line.startswith("generating class images: 0 of 1") for line in again)
        assert again[-1] == f"  4 in {folder}"
        assert {file: file.stat().st_mtime_ns for file in drawn} == drawn
    finally:
        forget_accelerator()


def test_without_a_prior_there_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.toml").write_text(TOML)
    assert main(["class-images", str(tmp_path / "s.toml"), "--set", "prior.weight=0"]) == 2
    assert "prior.weight = 0 uses no class images: set it above 0" in capsys.readouterr().err


def test_where_the_model_is_asked_there_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.toml").write_text(TOML)
    assert main(["class-images", str(tmp_path / "s.toml"), "--set", "prior.source=model"]) == 2
    assert 'prior.source = "model" generates no class images: set it to' in capsys.readouterr().err
