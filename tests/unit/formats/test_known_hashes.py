from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from sd_finetune.formats.known_hashes import known_sha256


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read to their end."""
    files: list[Path] = []

    def hashes(path: Path) -> tuple[str, str]:
        files.append(path)
        return "", hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr("sd_finetune.formats.known_hashes.file_hashes", hashes)
    return files


def test_a_file_is_read_once_as_long_as_it_is_the_same(tmp_path: Path, read: list[Path]) -> None:
    file, notes = tmp_path / "a.ckpt", tmp_path / "cache/hashes.json"
    file.write_bytes(b"one")
    first = known_sha256(file, notes)
    assert known_sha256(tmp_path / "../" / tmp_path.name / "a.ckpt", notes) == first
    assert first == hashlib.sha256(b"one").hexdigest()
    assert len(read) == 1
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert known_sha256(file, notes) == hashlib.sha256(b"two").hexdigest()
    other = tmp_path / "b.ckpt"
    other.write_bytes(b"two")
    known_sha256(other, notes)
    assert known_sha256(file, notes) == known_sha256(other, notes)
    assert len(read) == 3


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"PATH": 1}', "\0", "[" * 100_000])
def test_damaged_notes_cost_only_time(tmp_path: Path, read: list[Path], damage: str) -> None:
    file, notes = tmp_path / "a.ckpt", tmp_path / "hashes.json"
    file.write_bytes(b"one")
    notes.write_text(damage.replace("PATH", str(file)))
    for _ in range(2):
        assert known_sha256(file, notes) == hashlib.sha256(b"one").hexdigest()
    assert len(read) == 1


def test_notes_that_cannot_be_written_cost_only_time(tmp_path: Path, read: list[Path]) -> None:
    file = tmp_path / "a.ckpt"
    file.write_bytes(b"one")
    assert known_sha256(file, file / "hashes.json") == hashlib.sha256(b"one").hexdigest()
