from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import pytest

from sd_finetune import __version__
from sd_finetune.errors import UserError
from sd_finetune.runs.about import PACKAGES, installed_version
from sd_finetune.runs.fingerprint import fingerprint
from sd_finetune.runs.folder import RunFolder
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import to_file


def test_a_new_folder_holds_settings_and_base(tmp_path: Path, make_settings: Callable[..., Settings]) -> None:
    settings = make_settings("höchst")
    folder = RunFolder.create(tmp_path / "deep" / "runs", "dog", settings)
    assert folder.path == tmp_path / "deep" / "runs" / "dog-001"
    assert json.loads(folder.settings.read_text(encoding="utf-8")) == to_file(settings)
    assert folder.read_settings() == settings
    checkpoint = Path(settings.base.checkpoint)
    assert json.loads(folder.base.read_text()) == {
        "path": str(checkpoint),
        "size": 7,
        "mtime": checkpoint.stat().st_mtime,
        "fingerprint": fingerprint(checkpoint),
    }
    made = {path.name for path in folder.path.iterdir()}
    assert made == {"settings.json", "base.json", "about.json", "samples", "snapshots", "output"}


def test_a_new_folder_says_which_versions_it_was_made_with(
    tmp_path: Path, make_settings: Callable[..., Settings]
) -> None:
    made_with = json.loads(RunFolder.create(tmp_path, "dog", make_settings()).about.read_text(encoding="utf-8"))
    assert made_with["sd_finetune"] == __version__
    assert made_with["python"] == ".".join(map(str, sys.version_info[:3]))
    assert made_with["packages"]["torch"] == metadata.version("torch")
    assert set(made_with["packages"]) == set(PACKAGES)


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert installed_version("no-such-package-anywhere") is None


def test_numbers_go_up_and_gaps_stay(tmp_path: Path, make_settings: Callable[..., Settings]) -> None:
    for taken in ("dog-002", "dog-009", "dog-x", "big dog-050", "dog-1"):
        (tmp_path / taken).mkdir()
    (tmp_path / "dog-010").write_text("a file in the way")
    assert RunFolder.create(tmp_path, "dog", make_settings()).path.name == "dog-011"
    assert RunFolder.create(tmp_path, "dog", make_settings()).path.name == "dog-012"


def test_runs_made_at_once_get_different_folders(tmp_path: Path, make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: RunFolder.create(tmp_path / "runs", "dog", settings).path.name, range(24)))
    assert sorted(made) == [f"dog-{number:03d}" for number in range(1, 25)]
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == sorted(made)


def test_a_number_taken_in_the_last_moment(
    tmp_path: Path, make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def rename_second(source: Path, target: Path) -> None:
        if target.name == "dog-001":
            (target / "samples").mkdir(parents=True)
        rename(source, target)

    monkeypatch.setattr(os, "rename", rename_second)
    assert RunFolder.create(tmp_path, "dog", make_settings()).path.name == "dog-002"


def test_a_missing_checkpoint_is_a_sentence(tmp_path: Path, make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    Path(settings.base.checkpoint).unlink()
    with pytest.raises(UserError, match=r"^base\.checkpoint = '.*base\.safetensors' not found: choose an SD"):
        RunFolder.create(tmp_path / "runs", "dog", settings)
    assert not (tmp_path / "runs").exists()


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    settings = make_settings()
    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(UserError, match=r"^Cannot create a run folder in .*runs \(No space left on device\): "):
        RunFolder.create(tmp_path / "runs", "dog", settings)
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_file_where_the_folder_should_be(tmp_path: Path, make_settings: Callable[..., Settings]) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(UserError, match=r"^Cannot create a run folder in .*runs \(Not a directory\): "):
        RunFolder.create(tmp_path / "runs", "dog", make_settings())


def test_what_is_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not a run folder: it has no settings\.json\.$"):
        RunFolder(tmp_path).read_settings()
    (tmp_path / "settings.json").write_text('{"base": ')
    with pytest.raises(UserError, match=r"settings\.json is not valid JSON \(Expecting value"):
        RunFolder(tmp_path).read_settings()
    (tmp_path / "settings.json").write_text("[]")
    with pytest.raises(UserError, match=r"^settings = \[\] is not valid: use a table of options\."):
        RunFolder(tmp_path).read_settings()
