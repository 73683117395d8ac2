"""What a checkpoint's file tells before it is loaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.errors import UserError
from sd_finetune.formats.base_file import base_layout
from sd_finetune.formats.known_base import base_of, family_of, known_base, memory_of, resolved
from sd_finetune.reading.layout import Layout
from sd_finetune.settings.options import Settings
from sd_finetune.training.base_checkpoint import read_base
from sd_finetune.training.room import memory_facts
from sd_finetune.vram.estimate import SD15


def of(path: Path) -> Settings:
    return replace(Settings(), base=replace(Settings().base, checkpoint=str(path)))


def test_it_is_what_the_worker_finds() -> None:
    base = read_base(of(TOY_CHECKPOINT))
    found = known_base(TOY_CHECKPOINT)
    assert found.family == base.family.facts
    assert found.native_side == base.architecture.image_size * 8
    assert found.memory == memory_facts(base)


def test_it_needs_no_torch() -> None:
    asked = f"from sd_finetune.formats.known_base import known_base; known_base(Path({str(TOY_CHECKPOINT)!r}))"
    code = f"import sys; from pathlib import Path; {asked}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_what_is_left_open_is_the_checkpoints() -> None:
    assert resolved(of(TOY_CHECKPOINT)).data.resolution == 64


def test_one_that_cannot_be_read_decides_nothing(tmp_path: Path) -> None:
    (tmp_path / "base.safetensors").write_bytes(b"weights")
    for path in (tmp_path / "base.safetensors", tmp_path / "missing.safetensors", Path("a\0b")):
        assert base_of(of(path)) is None
        assert resolved(of(path)) == of(path)
        assert memory_of(of(path)) == SD15
    with pytest.raises(UserError):
        known_base(tmp_path / "base.safetensors")


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "base.safetensors"
    path.write_bytes(b"weights")
    assert base_of(of(path)) is None
    shutil.copy(TOY_CHECKPOINT, path)
    shutil.copy(TOY_CHECKPOINT.with_suffix(".yaml"), path.with_suffix(".yaml"))
    found = base_of(of(path))
    assert found
    yaml = path.with_suffix(".yaml")
    yaml.write_text(yaml.read_text().replace("image_size: 8", "image_size: 32"))
    os.utime(yaml, (1, 1))
    changed = base_of(of(path))
    assert changed
    assert (found.native_side, changed.native_side) == (64, 256)


def test_the_family_is_told_and_looked_for_again_once_a_file_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, looks = tmp_path / "base.safetensors", list[Path]()
    assert family_of(path) == ""
    path.write_bytes(b"weights")

    def looking(path: Path) -> Layout:
        looks.append(path)
        return base_layout(path)

    monkeypatch.setattr("sd_finetune.formats.known_base.base_layout", looking)
    assert [family_of(path) for _ in range(3)] == ["", "", ""]
    assert looks == [path]
    shutil.copy(TOY_CHECKPOINT, path)
    assert family_of(path) == "sd1"
