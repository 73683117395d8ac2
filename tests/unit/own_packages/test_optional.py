"""Optional packages: which build goes with which torch, and their folders. pip only pretends."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import sys
from pathlib import Path

import pytest

from sd_finetune.__main__ import main
from sd_finetune.commands import install
from sd_finetune.errors import UserError
from sd_finetune.own_packages import folder, offers, optional, use
from sd_finetune.own_packages.find import find_spec, installed_version
from sd_finetune.own_packages.folder import STAMP
from sd_finetune.own_packages.optional import build_for, builds, extra_folders, fits, folder_of
from tests.optional_packages import PACKAGE, PIP, TORCH, VERSION, pretend_gpu


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where packages are put on a machine that they are offered on."""
    pretend_gpu(monkeypatch, tmp_path / "packages")
    return tmp_path / "packages"


def test_every_build_has_hashes_and_says_what_it_is_for() -> None:
    assert {each.package for each in builds()} == set(offers.OPTIONAL)
    for each in builds():
        assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", each.line)) >= 2
        assert fits(each.torch.split(",")[0].lstrip("=>"), each.torch)
        assert {"linux"} <= set(each.systems) <= {"linux", "win32"}


@pytest.mark.parametrize(
    ("package", "torch", "python", "system", "version"),
    [
        ("bitsandbytes", "2.1.2+cu121", (3, 10), "win32", "0.45.5"),
        ("bitsandbytes", "2.4.0", (3, 13), "linux", "0.50.2"),
        ("bitsandbytes", "2.13.0+cu130", (3, 11), "linux", "0.50.2"),
        ("bitsandbytes", "1.13.1", (3, 10), "linux", None),
        ("xformers", "2.1.2+cu121", (3, 10), "win32", "0.0.23.post1"),
        ("xformers", "2.1.2+cu121", (3, 12), "linux", None),
        ("xformers", "2.1.1", (3, 10), "linux", None),
        ("xformers", "2.5.1", (3, 10), "win32", None),
        ("xformers", "2.5.1", (3, 10), "linux", "0.0.29.post1"),
        ("xformers", "2.9.0", (3, 10), "linux", "0.0.33.post1"),
        ("xformers", "2.10.0", (3, 10), "linux", "0.0.35"),
        ("xformers", "2.13.0", (3, 13), "darwin", None),
    ],
)
def test_the_build_is_that_of_the_torch(
    package: str, torch: str, python: tuple[int, int], system: str, version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (*python, 1))
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: "AMD64")
    found = build_for(package, torch)
    assert (found and found.version) == version
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert build_for(package, torch) is None


@pytest.mark.parametrize(
    ("gpu", "torch", "words"),
    [
        ("", TORCH, "needs an NVIDIA GPU, and no driver of one was found"),
        ("apple", "2.9.1", "needs an NVIDIA GPU, and no driver of one was found"),
        ("amd", "2.9.1+rocm6.4", "is offered for NVIDIA GPUs only"),
        ("nvidia", "2.9.1+cpu", "needs a torch for CUDA, and torch 2.9.1+cpu computes on the CPU"),
        ("nvidia", "2.1.2+cu118", "is built for CUDA 12 and newer, and torch 2.1.2+cu118 for an older one"),
        ("nvidia", "2.1.0", "No build of xformers is for torch 2.1.0 on this system and Python"),
        ("nvidia", None, "goes with torch, which is not installed"),
    ],
)
def test_what_is_not_offered_says_why(
    gpu: str, torch: str | None, words: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offers, "installed_torch", lambda: torch)
    (offer,) = (each for each in offers.offers(gpu) if each.package == PACKAGE)
    assert offer.state == "refused"
    assert words in offer.said


def test_it_is_found_at_the_next_look_and_used_by_our_processes(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_spec(PACKAGE) is None
    assert [each.state for each in offers.offers("nvidia") if each.package == PACKAGE] == ["offered"]
    assert main(["install", PACKAGE]) == 0
    (made,) = place.iterdir()
    assert extra_folders() == [made]
    assert installed_version(PACKAGE) == VERSION
    assert [(each.state, each.version) for each in offers.offers("nvidia") if each.package == PACKAGE] == [
        ("installed", VERSION)
    ]
    assert importlib.util.find_spec(PACKAGE) is None, "the WebUI's process must not see it"
    monkeypatch.setattr(sys, "path", [*sys.path])
    use.use_own_packages()
    assert sys.path[-1] == str(made), "what the host has comes first"


def test_another_torch_has_another_one(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["install", PACKAGE]) == 0
    monkeypatch.setattr(optional, "installed_torch", lambda: "2.9.1+cu130")
    assert find_spec(PACKAGE) is None
    monkeypatch.setattr(install, "installed_torch", lambda: "2.9.1+cu130")
    assert main(["install", PACKAGE]) == 0
    assert len(list(place.iterdir())) == 2, "another WebUI may have the earlier torch"
    (now,) = extra_folders()
    (earlier,) = (each for each in place.iterdir() if each != now)
    os.utime(earlier / STAMP, (0, 0))
    shutil.rmtree(now)
    assert main(["install", PACKAGE]) == 0
    assert list(place.iterdir()) == [now], "no worker has used that of the earlier torch for long"


@pytest.mark.parametrize(
    ("does", "words"),
    [
        (
            "fails",
            r"0\.0\.33\.post2 could not be installed \(No matching distribution found for xformers\): connect",
        ),
        ("broken", r"it does not work here, ImportError: libcudart\.so\.12 is missing\)"),
    ],
)
def test_a_failure_leaves_nothing_and_is_a_sentence(
    does: str, words: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(PIP, does)
    assert main(["install", PACKAGE]) == 2
    assert re.search(words, capsys.readouterr().err)
    assert list(place.iterdir()) == []


def test_a_damaged_one_is_made_anew(place: Path) -> None:
    assert main(["install", PACKAGE]) == 0
    build = build_for(PACKAGE, TORCH)
    assert build is not None
    made = folder_of(build, TORCH)
    shutil.rmtree(made / PACKAGE)
    assert find_spec(PACKAGE) is None
    assert main(["install", PACKAGE]) == 0
    assert find_spec(PACKAGE) is not None


def test_a_folder_that_cannot_be_written_is_a_sentence(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write_bytes(b"a file")
    with pytest.raises(UserError, match=r"cannot be written .*free some space or correct its permissions"):
        install.run(install_options())
    assert place == folder.PACKAGES


def install_options() -> object:
    from argparse import Namespace

    return Namespace(package=PACKAGE, unfinished=None)
