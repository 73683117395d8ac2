"""The license is the whole Apache License, and what comes from others is named."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
"""SHA-256 of https://www.apache.org/licenses/LICENSE-2.0.txt."""


def test_the_license_is_the_text_of_the_apache_foundation() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes().replace(b"\r\n", b"\n")).hexdigest() == APACHE_2


def test_files_of_others_are_where_the_notice_says() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    named = [Path(path) for path in re.findall(r"sd_finetune/\S+\.\w+", notice)]
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []
    assert "Copyright (c) 2021 OpenAI" in notice
    assert "MIT License" in notice


def test_every_vocabulary_is_named_in_the_notice() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    vocabularies = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "sd_finetune").rglob("merges.txt")}
    assert vocabularies
    assert [folder for folder in vocabularies if folder not in notice] == []
