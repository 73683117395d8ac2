from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

import pytest

from sd_finetune.own_packages.find import find_spec, installed_version
from sd_finetune.own_packages.folder import STAMP
from sd_finetune.own_packages.use import use_own_packages


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path that has another version of `both`."""
    site = tmp_path / "site-packages"
    (site / "both").mkdir(parents=True)
    (site / "both" / "__init__.py").touch()
    (site / "both-1.0.dist-info").mkdir()
    (site / "both-1.0.dist-info" / "METADATA").write_text("Name: both\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(site))
    return site


def test_a_process_of_ours_has_it_first_on_its_path(packages: Path, host: Path) -> None:
    before = list(sys.path)
    os.utime(packages / STAMP, (0, 0))
    use_own_packages()
    use_own_packages()
    assert sys.path == [str(packages), *before]
    assert (packages / STAMP).stat().st_mtime > 0, "says that it is in use"


def test_without_packages_the_path_stays(extension: Path) -> None:
    before = list(sys.path)
    use_own_packages()
    assert sys.path == before


def test_what_is_found_is_what_our_processes_find(packages: Path, host: Path) -> None:
    spec = find_spec("both")
    assert spec is not None
    assert spec.origin == str(packages / "both" / "__init__.py")
    assert installed_version("both") == "2.0"
    assert find_spec("only_ours") is not None
    assert installed_version("only-ours") == "1.5"
    assert "both" not in sys.modules
    assert str(packages) not in sys.path


@pytest.mark.parametrize("module", [None, ModuleType("both")])
def test_what_a_host_has_in_place_of_a_module_does_not_count(
    extension: Path, host: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType | None
) -> None:
    """The WebUI's import_hook sets it to None for xformers, unless it was started with --xformers."""
    monkeypatch.setitem(sys.modules, "both", module)  # type: ignore[arg-type]
    spec = find_spec("both")
    assert spec is not None
    assert spec.origin == str(host / "both" / "__init__.py")
    monkeypatch.setitem(sys.modules, "no_such_package", module)  # type: ignore[arg-type]
    assert find_spec("no_such_package") is None


def test_what_a_finder_of_its_own_finds_is_found(
    extension: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an editable installation is."""
    (tmp_path / "edited.py").touch()

    class Editable:
        @staticmethod
        def find_spec(name: str, path: object, target: object = None) -> ModuleSpec | None:
            return PathFinder.find_spec(name, [str(tmp_path)]) if name == "edited" else None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Editable])
    assert find_spec("edited") is not None


def test_what_it_lacks_is_the_hosts(extension: Path, host: Path) -> None:
    spec = find_spec("both")
    assert spec is not None
    assert spec.origin == str(host / "both" / "__init__.py")
    assert installed_version("both") == "1.0"
    assert find_spec("no_such_package") is None
    assert installed_version("no-such-package") is None
