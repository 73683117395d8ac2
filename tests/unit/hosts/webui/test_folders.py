from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from sd_finetune.hosts.webui.folders import first_writable, named_by


def test_flags_name_one_folder_or_several_or_none(tmp_path: Path) -> None:
    flags = SimpleNamespace(
        ckpt_dir=str(tmp_path / "a"), ckpt_dirs=[tmp_path / "b", str(tmp_path / "c")], lora_dir=None
    )
    assert named_by(flags, ("ckpt_dir", "ckpt_dirs")) == [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    assert named_by(flags, ("lora_dir", "lora_dirs")) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path: Path) -> None:
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.mkdir(mode=0o500)
    assert first_writable([shared, own]) == own
    assert first_writable([shared]) == shared


def test_a_file_is_no_folder_and_one_that_can_be_made_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert first_writable([tmp_path / "file", tmp_path / "new" / "folder"]) == tmp_path / "new" / "folder"
