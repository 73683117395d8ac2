"""Hashes of known content. (Those of LoRA files: test_lora.py, against safetensors itself.)"""

from __future__ import annotations

import hashlib
from pathlib import Path

from sd_finetune.formats.hashes import file_hashes


def test_hashes_of_a_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    content = content[:0x100000] + b"\x01" * 0x10000 + content[0x110000:]
    (tmp_path / "x").write_bytes(content)
    assert file_hashes(tmp_path / "x") == (
        hashlib.sha256(b"\x01" * 0x10000).hexdigest()[:8],
        hashlib.sha256(content).hexdigest(),
    )


def test_a_file_below_1_mib_has_the_webuis_hash_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert file_hashes(tmp_path / "x") == (
        "e3b0c442",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    )
