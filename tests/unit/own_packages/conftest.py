from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.own_packages import folder


@pytest.fixture
def extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an extension with a lock and without packages, and a Python that has none of ours installed."""
    (tmp_path / "worker.txt").write_text("diffusers==0.31.0 --hash=sha256:0\n")
    monkeypatch.setattr(folder, "PACKAGES", tmp_path / "my packages")
    monkeypatch.setattr(folder, "LOCK", tmp_path / "worker.txt")
    monkeypatch.setattr(folder, "OF_AN_ENVIRONMENT", "no such file")
    return tmp_path


@pytest.fixture
def packages(extension: Path) -> Path:
    """The same with finished packages in it: `only_ours` 1.5 and `both` 2.0; their folder."""
    home = folder.place()
    assert home is not None
    for name, version in {"only_ours": "1.5", "both": "2.0"}.items():
        (home / name).mkdir(parents=True)
        (home / name / "__init__.py").write_text(f"from .inner import VERSION\nNAME = {name!r}\n")
        (home / name / "inner.py").write_text(f"VERSION = {version!r}\n")
        (home / f"{name}-{version}.dist-info").mkdir()
        (home / f"{name}-{version}.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    folder.write_stamp(home)
    return home
