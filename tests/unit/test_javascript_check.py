"""tests/javascript/check.py by itself: what needs no Node.js."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[1] / "javascript"
SCRIPTS = ["lint", "format:check", "types"]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The module with Node.js and npm that only take notes in `started`; what is in `failing` fails."""
    spec = importlib.util.spec_from_file_location("check_javascript", FOLDER / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "package-lock.json").write_text("{}")
    module.started, module.failing, module.programs = [], set(), {"node", "npm"}

    def run(command: list[str], cwd: Path, check: bool) -> subprocess.CompletedProcess[str]:
        assert (command[0], cwd) == ("npm", tmp_path)
        script = command[-1] if command[1] == "run" else command[1]
        module.started.append(script)
        (tmp_path / "node_modules").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(command, int(script in module.failing))

    monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(module.subprocess, "run", run)
    monkeypatch.setattr(module.shutil, "which", lambda name: name if name in module.programs else None)
    return module


@pytest.mark.parametrize("missing", ["node", "npm"])
def test_without_node_it_says_that_it_is_skipped(
    check: ModuleType, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check.programs.remove(missing)
    assert check.main() == 0
    assert re.fullmatch(r"SKIPPED: .*nodejs and npm\.\n", capsys.readouterr().out)
    assert check.started == []


def test_the_tools_are_installed_once_for_each_lock_file(check: ModuleType) -> None:
    assert check.main() == 0
    assert check.started == ["ci", *SCRIPTS]
    assert check.main() == 0
    assert check.started == ["ci", *SCRIPTS, *SCRIPTS]
    (check.FOLDER / "package-lock.json").write_text("{ }")
    check.started.clear()
    assert check.main() == 0
    assert check.started == ["ci", *SCRIPTS]


def test_an_installation_that_failed_fails_the_check_and_is_done_again(
    check: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    check.failing.add("ci")
    assert check.main() == 1
    assert "npm could not install" in capsys.readouterr().out
    check.failing.clear()
    assert check.main() == 0
    assert check.started[:2] == ["ci", "ci"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_a_tool_finds_fails_the_check_and_the_others_run_too(
    check: ModuleType, script: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check.failing.add(script)
    assert check.main() == 1
    assert check.started[1:] == SCRIPTS
    assert capsys.readouterr().out.splitlines()[-1] == f"JavaScript: failed: {script}"


def test_the_scripts_are_those_of_the_package() -> None:
    assert set(SCRIPTS) <= set(json.loads((FOLDER / "package.json").read_text())["scripts"])


def test_versions_are_exact() -> None:
    wanted = json.loads((FOLDER / "package.json").read_text())["devDependencies"]
    locked = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    assert wanted == {name: locked[f"node_modules/{name}"]["version"] for name in wanted}
