"""Every command that reads a settings file tells all that is wrong with it together, before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sd_finetune.__main__ import COMMANDS, main
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.snapshots import MARKER, snapshot_folder
from sd_finetune.settings.optimizers import OPTIMIZERS

from .test_presets import takes_settings

MakeFile = Callable[[str], Path]

FAULTY = """
[base]
checkpoint = "page.safetensors"
vae = "no.vae.pt"
[lora]
ranc = 8
rank = 0
[prior]
weight = 0
[timesteps]
smallest = 9
largest = 3
[masks]
source = "files"
[[concepts]]
folder = "empty"
instance_prompt = "sks"
[[concepts]]
folder = "gone"
instance_prompt = "sks"
[[concepts]]
folder = "images"
instance_prompt = ""
"""


@pytest.mark.parametrize("command", [name for name, command in COMMANDS.items() if takes_settings(command)])
def test_all_faults_are_told_together(
    make_file: MakeFile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """One of each kind: unknown, wrong, contradicting, missing, not installed, no base, no preset."""
    make_file("finish").write_text(FAULTY)
    Path("page.safetensors").write_text("<html>not found</html>")
    Path("empty").mkdir()
    monkeypatch.setitem(OPTIMIZERS, "lion", replace(OPTIMIZERS["lion"], package="not_installed"))
    monkeypatch.setattr("sd_finetune.commands.start.start_worker", None)
    asked = ["--set", "optimizer.name=lion", "--set", "train.sed=1", "--set", "rank", "--preset", "lora-subjekt"]
    assert main([command, "settings.toml", *asked]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.splitlines()
    begins = [
        '--set "rank" is not valid: write it as group.option=value.',
        '--preset "lora-subjekt" is not valid: did you mean ',
        "base.checkpoint: ",
        "base.vae = ",
        "lora.ranc is not an option: did you mean lora.rank?",
        "lora.rank = 0 is out of range",
        "train.sed is not an option: did you mean train.seed?",
        "timesteps.smallest = 9 ",
        'optimizer.name = "lion" needs the package not_installed',
        "concepts.1.folder: no images in the folder",
        "concepts.2.folder = ",
        "concepts.3.instance_prompt is empty",
    ]
    if command == "class-images":
        begins.append("prior.weight = 0 uses no class images")
    assert [start for start in begins if not any(line.startswith(start) for line in lines)] == []
    assert len(lines) == len(begins), lines
    assert not Path("runs").exists()


def test_what_the_base_rules_out_is_told_with_its_name(make_file: MakeFile, capsys: pytest.CaptureFixture[str]) -> None:
    """Its training resolution is known from its file: 64."""
    file = str(make_file("finish"))
    assert main(["check", file, "--set", "data.smallest_side=128", "--set", "lora.rank=0"]) == 2
    names = [line.split(" ")[0] for line in capsys.readouterr().err.splitlines()]
    assert sorted(names) == ["data.smallest_side", "lora.rank"]


def test_masks_are_told_with_the_name_of_their_folder(make_file: MakeFile, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(make_file("finish"))
    Path("images/0.mask.png").write_bytes(b"no image")
    assert main(["train", file, "--set", "masks.source=files"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("concepts.1.folder: ")
    assert "0.mask.png cannot be read as an image" in line


def test_what_a_run_needs_is_told_before_it_is_resumed(
    make_file: MakeFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(make_file("user error"))]) == 1
    folder = RunFolder(tmp_path / "runs" / "dog-001")
    snapshot_folder(folder.snapshots, 1).mkdir()
    (snapshot_folder(folder.snapshots, 1) / MARKER).write_text("{}")
    (tmp_path / "images").rename(tmp_path / "moved")
    events = folder.events.read_bytes()
    capsys.readouterr()
    assert main(["resume", "dog-001"]) == 2
    assert (
        capsys.readouterr().err == f"concepts.1.folder = {tmp_path / 'images'} not found: give the path of a folder.\n"
    )
    assert folder.events.read_bytes() == events


@pytest.mark.parametrize(
    ("place", "words"), [("images", "is a folder: name a file"), ("base.safetensors/x.svg", "cannot be")]
)
def test_a_plot_without_a_place_is_told_before_the_trial(
    make_file: MakeFile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, place: str, words: str
) -> None:
    monkeypatch.setattr("sd_finetune.commands.start.start_worker", None)
    assert main(["find-rate", str(make_file("finish")), "--plot", place]) == 2
    told = capsys.readouterr()
    assert (told.out, words in told.err) == ("", True)
