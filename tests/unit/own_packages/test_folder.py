from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from sd_finetune.own_packages import folder
from sd_finetune.own_packages.folder import HOME, LOCK, STAMP, own_packages, place


def test_each_python_lock_and_system_has_its_own(extension: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [place()]
    (extension / "worker.txt").write_text("diffusers==0.32.0 --hash=sha256:1\n")
    found.append(place())
    monkeypatch.setattr(sys, "platform", "another")
    found.append(place())
    monkeypatch.setattr(sys, "version_info", (3, 99))
    found.append(place())
    assert len(set(found)) == 4
    assert found[-1] is not None
    assert found[-1].name.startswith("cp399-")


def test_line_endings_make_no_other_lock(extension: Path) -> None:
    unix = place()
    (extension / "worker.txt").write_bytes(b"diffusers==0.31.0 --hash=sha256:0\r\n")
    assert place() == unix


def test_without_a_lock_there_is_none(extension: Path) -> None:
    (extension / "worker.txt").unlink()
    assert place() is None
    assert own_packages() is None


def test_a_whole_folder_is_found(packages: Path) -> None:
    assert own_packages() == packages


@pytest.mark.parametrize("stamp", ["", "[]", "{}", '{"entries": 3}', '{"entries": [[]]}', None])
def test_without_a_stamp_it_is_not_whole(packages: Path, stamp: str | None) -> None:
    (packages / STAMP).unlink()
    if stamp is not None:
        (packages / STAMP).write_text(stamp)
    assert own_packages() is None


def test_with_a_package_less_it_is_not_whole(packages: Path) -> None:
    shutil.rmtree(packages / "both")
    assert own_packages() is None


@pytest.mark.parametrize(
    ("installed", "used"), [({"standalone.txt": "0"}, False), ({"webui.txt": "0"}, True), ([], True), ("damaged", True)]
)
def test_an_environment_that_has_them_installed_uses_none(
    packages: Path, installed: object, used: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "OF_AN_ENVIRONMENT", "installed.json")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    (tmp_path / "installed.json").write_text("{" if installed == "damaged" else json.dumps(installed))
    assert (own_packages() is not None) == used


def test_the_lock_has_no_torch_and_nothing_built_on_it() -> None:
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    names = {line.partition("==")[0].lower() for line in lines if "==" in line}
    assert {"diffusers", "transformers", "numpy", "tomli"} <= names
    ours_alone = {"torch", "torchvision", "triton", "xformers", "bitsandbytes", "matplotlib"}
    assert not names & ours_alone
    assert not [name for name in names if name.startswith(("nvidia", "cuda"))]


def test_the_lock_has_the_versions_that_the_suite_runs_with() -> None:
    def versions(name: str) -> dict[str, str]:
        text = (HOME / "requirements" / name).read_text(encoding="utf-8")
        lines = [line.partition("#")[0].partition(";")[0].strip(" \\") for line in text.splitlines()]
        pins = [line.lower().replace("_", "-").split("==") for line in lines if "==" in line]
        return dict(reversed(pins))  # pyright: ignore[reportArgumentType]; of two pins the first

    locked, own, tests = versions("worker.txt"), versions("standalone.txt"), versions("test.txt")
    shared = locked.keys() & (own | tests).keys()
    assert len(shared) > 10
    assert {name: locked[name] for name in shared} == {name: (tests | own)[name] for name in shared}


def test_every_package_of_the_lock_has_a_hash() -> None:
    entries = LOCK.read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    pins = [entry for entry in entries if "==" in entry and not entry.startswith("#")]
    assert len(pins) > 20
    assert [pin for pin in pins if "--hash=sha256:" not in pin] == []
