"""install.py as a WebUI calls it, in a copy of the extension, with a stand-in for pip."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COPIED = ("install.py", "requirements/worker.txt", "sd_finetune/__init__.py", "sd_finetune/own_packages")
PIP = """
import json, os, sys, time
from pathlib import Path
words = sys.argv[1:]
told = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
with open(os.environ["NOTE"], "a") as note:
    print(json.dumps([words, told]), file=note)
target = Path(words[words.index("--target") + 1])
(target / "diffusers").mkdir()
exec(os.environ.get("PIP_DOES", ""))
"""


@dataclass
class Extension:
    """A copy of what install.py needs, and a WebUI that calls it."""

    home: Path
    webui: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list[subprocess.Popen[str]])

    @property
    def folders(self) -> list[Path]:
        return sorted((self.home / "packages").glob("*"))

    @property
    def calls(self) -> list[tuple[list[str], dict[str, str]]]:
        """What pip was called with, and the variables that it got."""
        note = self.webui / "note.jsonl"
        return [tuple(json.loads(line)) for line in note.read_text().splitlines()] if note.exists() else []

    def start(
        self, *arguments: str, pip: str = "", begin: Sequence[str] = ("-S",), **variables: str
    ) -> subprocess.Popen[str]:
        """pip: what the stand-in does after it put a package into the folder. begin: options of Python."""
        path = f"{self.webui}{os.pathsep}{self.webui / 'site'}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "INDEX_URL"))}
        environment = {**kept, "PYTHONPATH": path, "NOTE": str(self.webui / "note.jsonl"), "PIP_DOES": pip, **variables}
        # Without site the real pip is not found: should the stand-in ever not be either, nothing is installed here.
        command = [sys.executable, *begin, str(self.home / "install.py"), *arguments]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.webui
        )
        self.started.append(process)
        return process

    def __call__(self, *arguments: str, pip: str = "", code: int = 0, **variables: str) -> str:
        """What it prints."""
        process = self.start(*arguments, pip=pip, **variables)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == code, said
        return said


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Extension]:
    home, webui = tmp_path / "sd fine-tune", tmp_path / "webui"
    for name in COPIED:
        target = home / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, target)
    (webui / "modules").mkdir(parents=True)
    (webui / "modules" / "launch_utils.py").touch()
    (webui / "site" / "pip").mkdir(parents=True)
    (webui / "site" / "pip" / "__init__.py").touch()
    (webui / "site" / "pip" / "__main__.py").write_text(PIP)
    extension = Extension(home, webui)
    yield extension
    for process in extension.started:
        process.kill()
        process.communicate()


def test_it_fills_a_folder_of_the_extension_and_nothing_else(install: Extension) -> None:
    said = install()
    (folder,) = install.folders
    assert said == f"SD Fine-Tune installed what training needs into {folder}\n"
    assert {entry.name for entry in folder.iterdir()} == {"diffusers", "complete.json"}
    ((words, _),) = install.calls
    assert words[0] == "install"
    assert {"--no-deps", "--require-hashes", "--no-user"} <= set(words)
    assert words[-1] == str(install.home / "requirements" / "worker.txt")
    assert Path(words[words.index("--target") + 1]).parent == folder.parent, "filled under another name"


def test_with_nothing_to_do_it_is_quick(install: Extension) -> None:
    install()
    begin = os.times().children_user + os.times().children_system
    assert install() == ""
    assert os.times().children_user + os.times().children_system - begin < 0.5, "the WebUI waits for this at each start"
    assert len(install.calls) == 1


def test_only_a_webui_has_it_install_without_arguments(install: Extension) -> None:
    assert install(COMMANDLINE_ARGS="--api --skip-install") == ""
    (install.webui / "modules" / "launch_utils.py").unlink()
    assert install() == ""
    assert install.folders == []
    install("packages")
    assert len(install.folders) == 1


def test_a_failure_is_a_sentence_and_leaves_nothing_half(install: Extension) -> None:
    fails = "print('ERROR: [Errno 28] No space left on device'); sys.exit(1)"
    said = install(pip=fails)
    assert said.startswith("SD Fine-Tune could not install the packages that training needs")
    assert "([Errno 28] No space left on device): check the network and the free space" in said
    assert said.count("\n") == 1
    assert install.folders == []
    assert install("packages", pip=fails, code=2) == said
    install()
    assert len(install.folders) == 1


def test_what_pip_did_not_expect_is_told_by_its_last_line(install: Extension) -> None:
    fails = "print('ERROR: Exception:\\nTraceback (most recent call last):\\nOSError: No space left'); sys.exit(2)"
    assert "(OSError: No space left): check" in install(pip=fails)


def test_a_folder_that_cannot_be_written_is_a_sentence(install: Extension) -> None:
    (install.home / "packages").touch()  # as root, as tests may run, a folder without permissions can be written to
    said = install()
    assert "cannot be written" in said
    assert said.count("\n") == 1


def test_a_killed_installation_is_done_again(install: Extension) -> None:
    process = install.start(pip="print('here', flush=True); time.sleep(60)")
    until = time.monotonic() + 30
    while not install.calls and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    (left,) = install.folders
    install()
    assert [folder.name.startswith("cp3") for folder in install.folders] == [True, False]
    os.utime(left, (0, 0))
    install()
    assert len(install.folders) == 1, "what a killed one left is removed when nobody can be filling it any more"


@pytest.mark.parametrize("damage", ["diffusers", "complete.json"])
def test_a_damaged_folder_is_made_anew(install: Extension, damage: str) -> None:
    install()
    (folder,) = install.folders
    (folder / damage).rename(install.home / "lost")
    assert "installed what training needs" in install()
    assert install.folders == [folder]
    assert (folder / damage).exists()
    assert install() == ""


def test_two_webuis_that_start_at_once(install: Extension) -> None:
    both = [install.start(pip="time.sleep(0.5)") for _ in range(2)]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    (folder,) = install.folders
    assert said == [f"SD Fine-Tune installed what training needs into {folder}\n"] * 2
    assert len(install.calls) == 2
    assert install() == ""


def test_a_new_lock_gets_a_new_folder_and_the_old_one_goes_when_it_is_idle(install: Extension) -> None:
    install()
    (old,) = install.folders
    with (install.home / "requirements" / "worker.txt").open("a") as lock:
        lock.write("new==1.0 --hash=sha256:0\n")
    install()
    assert len(install.folders) == 2
    assert old in install.folders, "a worker may be using it"
    os.utime(old / "complete.json", (0, 0))
    other = install.home / "packages" / "mine"
    other.mkdir()
    install()
    assert old not in install.folders
    assert len(install.folders) == 2
    assert other in install.folders, "what is not ours is not removed"


def test_settings_of_pip_that_lead_elsewhere_are_left_out(install: Extension) -> None:
    elsewhere = {"PIP_USER": "1", "PIP_TARGET": "/t", "PIP_PREFIX": "/p", "PIP_CONSTRAINT": "/c"}
    install(**elsewhere, PIP_PROXY="http://proxy:3128", PIP_INDEX_URL="https://mirror/simple")
    ((words, variables),) = install.calls
    assert not elsewhere.keys() & variables.keys()
    assert variables["PIP_PROXY"] == "http://proxy:3128"
    assert variables["PIP_INDEX_URL"] == "https://mirror/simple"
    assert "--index-url" not in words


def test_the_webuis_index_is_used(install: Extension) -> None:
    install(INDEX_URL="https://webuis/simple")
    ((words, _),) = install.calls
    assert words[words.index("--index-url") + 1] == "https://webuis/simple"


def test_without_a_network_files_of_a_folder_are_used(install: Extension) -> None:
    (install.home / "wheels").mkdir()
    install("packages", "--wheels", str(install.home / "wheels"), INDEX_URL="https://webuis/simple")
    ((words, _),) = install.calls
    assert words[words.index("--find-links") + 1] == str(install.home / "wheels")
    assert "--no-index" in words
    assert "--index-url" not in words
    shutil.rmtree(install.home / "packages")
    assert "/nowhere is not a folder" in install("packages", "--wheels", "/nowhere", code=2)


def test_without_pip_the_one_of_pythons_library_is_used(install: Extension) -> None:
    shutil.rmtree(install.webui / "site" / "pip")
    library = install.webui / "site" / "ensurepip"
    library.mkdir()
    (library / "__init__.py").touch()
    assert "this Python has no pip" in install(PYTHONPATH=f"{install.webui / 'site'}{os.pathsep}{install.webui}")


def test_a_python_that_puts_no_scripts_folder_on_its_path_installs_too(install: Extension) -> None:
    """One with a ._pth file, which names the folder that pip is in."""
    site = str(install.webui / "site")
    begin = f"import runpy, sys; sys.path.append({site!r}); runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    said = install.start(begin=["-I", "-S", "-c", begin]).communicate(timeout=60)[0]
    (folder,) = install.folders
    assert said == f"SD Fine-Tune installed what training needs into {folder}\n"
    assert len(install.calls) == 1
