"""Settings as TOML text."""

from __future__ import annotations

from pathlib import Path

from sd_finetune.settings.toml import load_toml, toml_text


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    texts = ['C:\\images\\"my" dog', "子犬 🐶", "line\nline\ttab", "\x7f\x01"]
    content = {"data": {"resolution": 512, "flag": True, "rate": 1e-05}, "concepts": [{"a": text} for text in texts]}
    (tmp_path / "a.toml").write_text(toml_text({**content, "list": {"texts": texts}}), encoding="utf-8")
    assert load_toml(tmp_path / "a.toml") == {**content, "list": {"texts": texts}}
