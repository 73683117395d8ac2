"""Our processes find us in a Python with a `._pth` file, whose path `python -I` has: no variable, no current folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sd_finetune import __version__
from sd_finetune.own_packages import add
from sd_finetune.own_packages.folder import HOME
from sd_finetune.own_packages.start import command_of
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.launch import start_other, start_process, start_worker
from sd_finetune.ui.jobs import installing

TELLS = """
import json, multiprocessing, sys

def here(number):
    return number + 1

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        made = pool.map(here, [1])
    print(json.dumps([sys.argv, __spec__.name, made, "f\\udcfcr 犬"], ensure_ascii=False))
"""


@pytest.fixture
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Python that is started is such a one; a folder without us, the current one."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.chdir(tmp_path)
    return tmp_path


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a shell starts the Python")


def said(process: subprocess.Popen[bytes], log: Path) -> tuple[int, str]:
    return process.wait(timeout=60), log.read_text(encoding="utf-8")


def test_a_command_of_ours_starts_there(isolated: Path) -> None:
    done = subprocess.run(command_of("sd_finetune", "--version"), capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode()) == (0, f"SD Fine-Tune {__version__}\n"), done.stderr


def test_the_processes_of_a_run_start_there(isolated: Path) -> None:
    run = RunFolder(isolated)
    refusal = f"{isolated} is not a run folder: it has no settings.json.\n"
    assert said(start_worker(run), run.log) == (2, refusal)
    other = isolated / "other.log"
    assert said(start_other([str(isolated)], other), other) == (2, refusal)


def test_packages_are_installed_and_tried_there(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = isolated / "log"
    code, told = said(start_process([sys.executable, *installing.COMMAND[1:], "no-such-package"], log), log)
    assert code == 2
    assert "no-such-package" in told
    (isolated / "packages").mkdir()
    (isolated / "packages" / "tried.py").touch()
    monkeypatch.setattr(add, "PROBES", {"tried": "import tried, sd_finetune"})
    add._try(isolated / "packages", add.Build("tried", "1.0", "", "", (), ""))  # type: ignore[reportPrivateUsage]


def test_it_is_as_with_m(isolated: Path) -> None:
    """What the program sees of itself, what it starts by multiprocessing, and what it prints."""
    (isolated / "tells.py").write_text(TELLS, encoding="utf-8")
    command = command_of("tells", "a b", "--c")
    command[command.index(str(HOME))] = str(isolated)
    command[3] = f"import sys; sys.path.insert(0, {str(HOME)!r}); {command[3]}"
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    arguments, name, made, text = json.loads(done.stdout.decode())
    assert arguments == [str(isolated / "tells.py"), "a b", "--c"]
    assert (name, made, text) == ("tells", [2], "f\udcfcr 犬")
