"""install.py by itself: what needs no network."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[2] / "install.py"


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The module, at work in an empty folder with one file of versions and a pip that only takes notes."""
    spec = importlib.util.spec_from_file_location("install", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    for name in ("standalone.txt", "test.txt"):
        (tmp_path / "requirements" / name).write_text("numpy==1.26.4\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "REQUIREMENTS", tmp_path / "requirements")
    module.pip_result = (0, "")
    module.installed = []

    def make_environment(environment: Path) -> None:
        (environment / "bin").mkdir(parents=True, exist_ok=True)
        (environment / "bin" / "python").touch()

    def show_installation(pip: list[str], log: Path) -> tuple[int, str]:
        module.installed.append([Path(word).name for word in pip if word.endswith(".txt")])
        return module.pip_result

    monkeypatch.setattr(module, "make_environment", make_environment)
    monkeypatch.setattr(module, "show_installation", show_installation)
    monkeypatch.setattr(module, "has_pip", lambda python: python.exists())
    return module


def test_the_webui_calls_it_without_arguments_and_nothing_happens() -> None:
    done = subprocess.run([sys.executable, str(FILE)], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_old_pythons_can_read_it() -> None:
    ast.parse(FILE.read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 13, 0), (2, 7, 18), (4, 0, 0)])
def test_another_python_gets_a_sentence(
    install: ModuleType,
    version: tuple[int, int, int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(install.sys, "version_info", version)
    assert install.main(["demo"]) == 2
    told = capsys.readouterr().err
    assert "from 3.10 to 3.12" in told
    assert ".".join(map(str, version)) in told
    assert told.count("\n") == 1


def test_a_second_run_installs_nothing_until_a_version_changes(install: ModuleType) -> None:
    install.set_up("standalone", [])
    install.set_up("standalone", [])
    assert install.installed == [["standalone.txt"]]
    install.set_up("standalone", ["test.txt"])
    install.set_up("standalone", [])
    assert install.installed[1:] == [["standalone.txt", "test.txt"]]
    (install.REQUIREMENTS / "standalone.txt").write_text("numpy==1.26.3\n")
    install.set_up("standalone", ["test.txt"])
    assert len(install.installed) == 3


def test_an_installation_that_failed_says_why_and_is_done_again(install: ModuleType) -> None:
    install.pip_result = (1, "No matching distribution found for numpy==1.26.4")
    with pytest.raises(install.SetupError, match=r"standalone\.txt failed \(No matching.*\): check the network"):
        install.set_up("standalone", [])
    install.pip_result = (0, "")
    install.set_up("standalone", [])
    assert len(install.installed) == 2


def test_what_pip_says_of_an_error(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("install", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    script = "import sys; print('Collecting x'); print('ERROR: No space left.', file=sys.stderr); sys.exit(3)"
    assert module.show_installation([sys.executable, "-c", script], tmp_path / "log") == (3, "No space left")
    assert (tmp_path / "log").read_text().splitlines() == ["Collecting x", "ERROR: No space left."]
