"""How large image caches are, and removing what is in them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sd_finetune.__main__ import main
from sd_finetune.data.image_cache import NAME, latents_in, mark


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """With a file that was used now, and one that was not for ten days."""
    found = tmp_path / "runs" / NAME
    mark(found)
    for days, name in ((0, "used"), (10, "unused")):
        file = latents_in(found) / name[:2] / f"{name}.safetensors"
        file.parent.mkdir(parents=True)
        file.write_bytes(bytes(1_000_000))
        os.utime(file, (0, time.time() - days * 24 * 3600))
    return found


def test_the_size_is_told(cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (cache, cache.parent):
        assert main(["image-cache", str(folder)]) == 0
        assert capsys.readouterr().out == f"{cache}: 2 files, 2.0 MB\n"
    monkeypatch.chdir(cache.parent.parent)
    assert main(["image-cache"]) == 0
    assert capsys.readouterr().out == f"{Path('runs') / NAME}: 2 files, 2.0 MB\n"
    monkeypatch.chdir(cache)
    assert main(["image-cache"]) == 0
    assert capsys.readouterr().out == "No image cache in the current folder.\n"


def test_what_was_not_used_is_removed(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["image-cache", str(cache), "--unused-days", "9"]) == 0
    assert capsys.readouterr().out == f"{cache}: 1 file, 1.0 MB, 1 file, 1.0 MB removed\n"
    assert [path.name for path in latents_in(cache).rglob("*.safetensors")] == ["used.safetensors"]
    assert main(["image-cache", str(cache), "--unused-days", "0"]) == 0
    assert capsys.readouterr().out == f"{cache}: 0 files, 0.0 MB, 1 file, 1.0 MB removed\n"
    assert list(latents_in(cache).rglob("*.safetensors")) == []


def test_what_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["image-cache", "nowhere"]) == 2
    assert "nowhere has no image cache: name the folder image-cache" in capsys.readouterr().err
    for days in ("-1", "nan", "inf", "few"):
        with pytest.raises(SystemExit, match=r"^2$"):
            main(["image-cache", "--unused-days", days])
        assert f"{days} is out of range: use a number, 0 or more" in capsys.readouterr().err
