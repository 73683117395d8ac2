"""install.py by itself: what needs no network."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from sd_finetune.own_packages.folder import place

FILE = Path(__file__).parents[2] / "install.py"


PYTEST = "pytest -n auto --dist worksteal"


def without_what_is_the_same(install: ModuleType) -> list[str]:
    return [word for name in install.SAME_WITH_ALL for word in ("--ignore", name)]


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


def test_without_arguments_and_without_a_webui_nothing_happens() -> None:
    done = subprocess.run([sys.executable, str(FILE)], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_old_pythons_can_read_it() -> None:
    ast.parse(FILE.read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 14, 0), (2, 7, 18), (4, 0, 0)])
def test_another_python_gets_a_sentence(
    install: ModuleType,
    version: tuple[int, int, int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(install.sys, "version_info", version)
    assert install.main(["demo"]) == 2
    told = capsys.readouterr().err
    assert "from 3.10 to 3.13" in told
    assert ".".join(map(str, version)) in told
    assert told.count("\n") == 1


def test_a_webui_on_another_python_starts_all_the_same(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install.sys, "version_info", (3, 9, 18))
    monkeypatch.setattr(install, "started_by_webui", lambda: True)
    assert install.main([]) == 0
    assert "from 3.10 to 3.13" in capsys.readouterr().out


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


def test_versions_say_which_pythons_they_are_for(install: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install.sys, "version_info", (3, 11, 7))
    with pytest.raises(install.SetupError, match=r"from 3\.12 to 3\.13 and you started it with 3\.11\.7: install"):
        install.set_up("newest", [])


def test_an_environment_may_stand_elsewhere(install: ModuleType) -> None:
    python = Path(install.set_up("standalone", [], "other"))
    assert python.relative_to(install.ROOT).parts[0] == "other"
    install.set_up("standalone", [])
    assert len(install.installed) == 2


def test_uv_installs_where_it_is_named(install: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(install, "show_installation", lambda words, log: started.append(words) or (0, ""))
    monkeypatch.setenv("UV", "/bin/uv")
    python = install.set_up("standalone", [])
    assert started[0][:5] == ["/bin/uv", "pip", "install", "--python", python]
    monkeypatch.delenv("UV")
    install.set_up("standalone", ["test.txt"])
    assert started[1][:4] == [python, "-m", "pip", "install"]
    assert [words[-4:] for words in started[1:]] == [
        ["-r", str(install.REQUIREMENTS / "standalone.txt"), "-r", str(install.REQUIREMENTS / "test.txt")]
    ]


def test_every_file_of_versions_is_there_and_pins_each_package_once() -> None:
    spec = importlib.util.spec_from_file_location("install", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for pins, (_, _, _, files) in module.PINS.items():
        texts = [(module.REQUIREMENTS / file).read_text(encoding="utf-8") for file in files]
        lines = [line.partition(" #")[0] for text in texts for line in text.splitlines() if line and line[0] != "#"]
        names = [line.split("==")[0] for line in lines]
        assert "torch" in names, pins
        assert [name for name in names if names.count(name) > 1 and name != "numpy"] == [], pins


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


@pytest.mark.parametrize("failing", ["", "ruff", "tests/javascript/check.py", "pytest"])
def test_the_suite_runs_every_check_and_lint_and_types_once(
    install: ModuleType, failing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[list[str]] = []

    def run(command: list[str], folder: Path, **variables: str) -> int:
        assert folder == install.ROOT
        started.append(command[1:])
        return int(failing in command)

    for root in install.WEBUI_ROOTS:
        monkeypatch.delenv(root, raising=False)

    def check_side_by_side(checks: list[list[str]], python: str, pins: str) -> list[str]:
        started.extend(checks)
        return [failing for check in checks if failing in check]

    monkeypatch.setattr(install, "run", run)
    monkeypatch.setattr(install, "check_side_by_side", check_side_by_side)
    monkeypatch.setattr(install, "set_up", lambda pins, files, folder: "python")
    assert install.main(["test"]) == (1 if failing else 0)
    assert [words[-1] if words[0] != "-m" else words[1] for words in started] == [
        "pyright", *["pyright"] * len(install.OTHER_SYSTEMS), "tests/javascript/check.py", "ruff", "ruff", "pytest",
    ]  # fmt: skip
    assert (f"failed: {failing}" if failing else "all passed") in capsys.readouterr().out.splitlines()[-1]
    assert (FILE.parent / install.JAVASCRIPT_CHECK).is_file()
    started.clear()
    assert install.main(["test", "--pins", "webui"]) == int(failing == "pytest")
    assert started == [["-m", *PYTEST.split(), *without_what_is_the_same(install)]]
    assert [name for name in install.SAME_WITH_ALL if not (FILE.parent / name).is_file()] == []


def test_checks_side_by_side_are_told_in_order(install: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    checks = [
        ["-c", f"import time; time.sleep({wait}); print({wait}); exit({code})"] for wait, code in ((0.2, 0), (0, 1))
    ]
    assert install.check_side_by_side(checks, sys.executable, "standalone") == ["-c"]
    told = capfd.readouterr().out.splitlines()
    assert [line for line in told if not line.startswith("==")] == ["", "0.2", "", "0"]
    assert install.check_side_by_side([], sys.executable, "standalone") == []


def test_what_one_process_compiled_the_next_one_uses(install: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages that uv installed are compiled by the first, and many tests start processes."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert install.run([sys.executable, "-c", "import sys; sys.exit(sys.dont_write_bytecode)"]) == 0


@pytest.mark.parametrize(
    ("pins", "root"), [("standalone", "WEBUI_ROOT"), ("webui", "WEBUI_ROOT"), ("webui", "NEO_ROOT")]
)
def test_with_a_webui_its_tests_come_after_all_others(
    install: ModuleType, pins: str, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def run(command: list[str], folder: Path, **variables: str) -> int:
        started.append(" ".join(command[2:]))
        return 0

    for each in install.WEBUI_ROOTS:
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(root, "/webui")
    monkeypatch.setattr(install, "run", run)
    monkeypatch.setattr(install, "check_side_by_side", lambda checks, python, pins: [])
    monkeypatch.setattr(install, "set_up", lambda pins, files, folder: "python")
    assert install.main(["test", "--pins", pins]) == 0
    others = without_what_is_the_same(install) if pins == "webui" else []
    assert started[-2:] == [" ".join([PYTEST, *others, "--ignore tests/webui"]), "pytest tests/webui"]


def test_a_process_of_tests_starts_one_playwright() -> None:
    files = [file for file in (FILE.parent / "tests").rglob("*.py") if file.name != Path(__file__).name]
    starting = [file.name for file in files if "sync_playwright(" in file.read_text(encoding="utf-8")]
    assert starting == ["conftest.py"], "a second one fails in the event loop of the first"


@pytest.mark.parametrize("pins", ["standalone", "webui", "webui-new-torch", "newest"])
def test_the_few_are_neither_lint_nor_a_webui(install: ModuleType, pins: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def run(command: list[str], folder: Path, **variables: str) -> int:
        started.append(" ".join(command[2:]))
        return 0

    monkeypatch.setenv("WEBUI_ROOT", "/webui")
    monkeypatch.setattr(install, "run", run)
    monkeypatch.setattr(install, "set_up", lambda pins, files, folder: f"{folder}/python")
    assert install.main(["test", "--few", "--pins", pins, "--environment", "there"]) == 0
    assert started == [" ".join([PYTEST, *install.FEW])]
    for few in install.FEW:
        file, _, name = few.partition("::")
        assert (FILE.parent / file).exists(), few
        assert f"def {name}(" in (FILE.parent / file).read_text(encoding="utf-8") if name else True, few


def test_own_packages_go_before_all_others(install: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, str]] = []

    def run(command: list[str], folder: Path | None = None, **variables: str) -> int:
        started.append((Path(command[1]).name if folder is None else command[2], variables.get("PYTHONPATH", "")))
        return 0

    monkeypatch.setattr(install, "run", run)
    monkeypatch.setattr(install, "set_up", lambda pins, files, folder: "python")
    assert install.main(["test", "--few", "--pins", "webui", "--own-packages"]) == 0
    assert started == [("install.py", ""), ("pytest", f"{place()}{os.pathsep}{install.ROOT}")]


@pytest.mark.parametrize(("pins", "lint"), [("standalone", ["ruff check", "ruff format --check"]), ("webui", [])])
def test_the_quick_tier_is_lint_and_what_is_not_slow(
    install: ModuleType, pins: str, lint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def run(command: list[str], folder: Path, **variables: str) -> int:
        started.append(" ".join(command[2:]))
        return 0

    monkeypatch.setattr(install, "run", run)
    monkeypatch.setattr(install, "set_up", lambda pins, files, folder: "python")
    assert install.main(["test", "--quick", "--pins", pins]) == 0
    others = without_what_is_the_same(install) if pins == "webui" else []
    assert started == [*lint, " ".join([PYTEST, "-m not slow tests/unit", *others])]


def test_each_webui_of_the_tests_is_known(install: ModuleType) -> None:
    table = (FILE.parent / "tests" / "webui" / "kinds.py").read_text(encoding="utf-8")
    assert set(re.findall(r'"(\w+_ROOT)"', table)) == set(install.WEBUI_ROOTS)
