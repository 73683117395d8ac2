"""The command check: what is found, and a line that can be put into the settings file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from sd_finetune.__main__ import main
from sd_finetune.demo.paths import TOY_CHECKPOINT

TOML = """
[base]
checkpoint = "base.safetensors"
[data]
resolution = 256
[train]
batch_size = 2
[prior]
weight = 0
[[concepts]]
folder = "images"
instance_prompt = "sks"
repeats = 2
"""


def test_what_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str], photographs: dict[str, Image.Image]) -> None:
    images = tmp_path / "images"
    (images / "sub").mkdir(parents=True)
    photographs["cup"].save(images / "cup.png")
    photographs["cup"].resize((90, 60)).save(images / "sub/small cup.jpg")
    photographs["rocket"].filter(ImageFilter.GaussianBlur(6)).save(images / "rocket.png")
    photographs["cat"].resize((900, 100)).save(images / "cat.png")
    (images / "broken.png").write_bytes(b"x")
    shutil.copy(TOY_CHECKPOINT, tmp_path / "base.safetensors")
    file = tmp_path / "s.toml"
    file.write_text(TOML)
    assert main(["check", str(file), "--set", "data.buckets=false"]) == 0
    told = capsys.readouterr().out
    assert f"concept 1, {images}: 4 images\n" in told
    assert f"  Skipped: {images / 'broken.png'} " in told
    assert "  look alike: cup.png, sub/small cup.jpg\n" in told
    assert "  blurred: rocket.png\n" in told
    assert "  smaller than it is trained: sub/small cup.jpg, enlarged 4.3 times\n" in told
    line = next(line for line in told.splitlines() if line.startswith("  exclude"))
    assert "1 size that images are trained in:\n  256 x 256: 4 images, 8 uses in an epoch, 2 enlarged" in told
    assert "up to 89% cut off\n" in told
    assert "More than 20% is cut off 4 images, the most, 89%, off cat.png" in told
    file.write_text(f"{TOML}{line.strip()}\n")
    assert main(["check", str(file)]) == 0
    told = capsys.readouterr().out
    assert f"concept 1, {images}: 2 images\n" in told
    assert "look alike" not in told
    assert main(["check", str(file), "--set", "concepts.1.folder=gone"]) == 2
    assert "gone not found" in capsys.readouterr().err
