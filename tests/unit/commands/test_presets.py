"""Presets on the command line: by name or file, with one for the VRAM, and the list of them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sd_finetune.__main__ import COMMANDS, main
from sd_finetune.presets.preset import preset_of, text_of
from sd_finetune.presets.shelf import our_presets, save_preset
from sd_finetune.runs.folder import RunFolder

MakeFile = Callable[[str], Path]


def test_one_by_name_one_for_the_vram_and_what_is_set_over_both(
    make_file: MakeFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = make_file("finish")
    file.write_text(file.read_text() + "\n[train]\nbatch_size = 3\n[samples]\nsteps = 9\n")
    asked = ["--preset", "lora-subject-few", "--preset", "4gb", "--set", "lora.dropout=0.2"]
    assert main(["train", str(file), *asked]) == 0
    settings = RunFolder(tmp_path / "runs" / "dog-001").read_settings()
    assert (settings.method, settings.lora.rank, settings.lora.dropout) == ("lora", 8, 0.2)
    assert str(settings.train.length) == "800 steps"
    assert settings.train.batch_size == 1, "what decides training is the preset's, or the default"
    assert settings.train.gradient_checkpointing
    assert settings.samples.steps == 9, "the rest is the file's"
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith('preset lora-subject-few: train.length = "800 steps", train.batch_size = 1, ')
    assert told[1].startswith("preset 4gb: train.mixed_precision")


def test_the_method_may_be_the_presets(make_file: MakeFile, tmp_path: Path) -> None:
    assert main(["train", str(make_file("finish")), "--preset", "hypernetwork-style"]) == 0
    settings = RunFolder(tmp_path / "runs" / "dog-001").read_settings()
    assert (settings.method, settings.hypernetwork.layer_structure) == ("hypernetwork", "1, 2, 2, 1")


def test_one_by_its_file(make_file: MakeFile, tmp_path: Path) -> None:
    (tmp_path / "shared.toml").write_text(text_of(preset_of("theirs", "dreambooth", {"train.length": "7 steps"})))
    assert main(["train", str(make_file("finish")), "--preset", "shared.toml"]) == 0
    settings = RunFolder(tmp_path / "runs" / "dog-001").read_settings()
    assert (settings.method, str(settings.train.length)) == ("dreambooth", "7 steps")


@pytest.mark.parametrize(
    ("presets", "message"),
    [
        (
            ["lora-subjekt"],
            '--preset "lora-subjekt" is not valid: did you mean lora-subject, lora-subject-few or l',
        ),
        (
            ["mine"],
            '--preset "mine" is not valid: use a name that the command presets lists, a file that ends with .',
        ),
        (["none.toml"], "File none.toml not found: check the path."),
        (["settings.toml"], "settings.toml is not a preset, as it has no table [preset]"),
        (["lora-style", "lora-subject"], "lora-style and --preset lora-subject are of the same kind"),
        (["4gb", "6gb"], "4gb and --preset 6gb are of the same kind: choose one of them."),
    ],
)
def test_what_cannot_be_used(
    make_file: MakeFile, capsys: pytest.CaptureFixture[str], presets: list[str], message: str
) -> None:
    words = [word for preset in presets for word in ("--preset", preset)]
    assert main(["train", str(make_file("finish")), *words]) == 2
    assert message in capsys.readouterr().err


def own_preset(folder: Path, **values: Any) -> Path:
    """One called "mine", with settings by their names, in which two underscores stand for a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {name.replace("__", "."): value for name, value in values.items()}
    return save_preset(preset_of("mine", "lora", settings), folder).path


def takes_settings(command: ModuleType) -> bool:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return any(action.dest == "settings" for action in parser._actions)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("command", [name for name, command in COMMANDS.items() if takes_settings(command)])
@pytest.mark.parametrize("place", ["sd-finetune-data/presets", "sd_finetune/presets", "mine"])
def test_every_command_takes_ones_own_by_name(
    make_file: MakeFile, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, place: str
) -> None:
    """From where the tab saved it; what it sets contradicts what is set over it."""
    file = make_file("finish")
    own_preset(tmp_path / place, timesteps__smallest=9)
    folder = ["--presets-folder", place] if place == "mine" else []
    wrong = ["--set", "timesteps.largest=3", "--set", "lora.dropout=2"]
    assert main([command, str(file), "--preset", "mine", "--preset", "6gb", *folder, *wrong]) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split(" ")[:3] for line in told] == [["lora.dropout", "=", "2"], ["timesteps.smallest", "=", "9"]]
    assert main([command, str(file), "--preset", "mime", *folder, *wrong]) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0] == '--preset "mime" is not valid: did you mean mine? The command presets lists all.'
    assert told[1].startswith("lora.dropout = 2")


def test_of_the_same_name_none_is_guessed(
    make_file: MakeFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = own_preset(tmp_path / "sd-finetune-data/presets", lora__rank=3)
    own_preset(tmp_path / "sd_finetune/presets", lora__rank=5)
    file = str(make_file("finish"))
    assert main(["train", file, "--preset", "mine"]) == 2
    assert "mine.toml: give the path of one of them." in capsys.readouterr().err
    assert main(["train", file, "--preset", str(first)]) == 0
    assert RunFolder(tmp_path / "runs" / "dog-001").read_settings().lora.rank == 3
    assert main(["presets", "--folder", "nowhere"]) == 2
    assert "nowhere is not a folder: name the one that your presets are in." in capsys.readouterr().err


def test_the_command_lists_all_and_shows_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "sd-finetune-data" / "presets"
    own.mkdir(parents=True)
    (own / "mine.toml").write_text(text_of(preset_of("mine", "lora", {"lora.rank": 3}, "For me")))
    (own / "broken.toml").write_text("[preset")
    assert main(["presets"]) == 0
    told = capsys.readouterr().out
    for kept in our_presets():
        assert re.search(rf"^  {kept.key}: ", told, re.MULTILINE)
    assert f"  mine: mine, your own in {Path('sd-finetune-data/presets/mine.toml')}\n" in told
    assert "For me" in told
    assert "not readable: " in told
    assert "Expect 800 steps, which take 0." in told
    assert main(["presets", "lora-style"]) == 0
    assert '[preset]\nname = "Style"' in capsys.readouterr().out
