"""Commands that a launcher starts several times at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sd_finetune.__main__ import COMMANDS, main
from sd_finetune.commands import start
from sd_finetune.commands.launching import STARTING
from sd_finetune.runs.folder import RunFolder

MakeFile = Callable[[str], Path]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Be the process of this number of so many."""

    def launch(number: int, count: int) -> None:
        for name, value in (("RANK", number), ("WORLD_SIZE", count), ("LOCAL_WORLD_SIZE", count)):
            monkeypatch.setenv(name, str(value))

    return launch


def test_the_first_process_alone_does_what_is_no_run(
    launched: Callable[[int, int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    launched(0, 2)
    assert main(["presets"]) == 0
    assert capsys.readouterr().out
    launched(1, 2)
    assert main(["presets"]) == 0
    assert not capsys.readouterr().out


def test_every_command_that_starts_a_worker_of_a_run_is_known() -> None:
    """But the demo, which has a run of its own with settings of its own."""
    starting = {name for name, command in COMMANDS.items() if getattr(command, "start", None) is start.start}
    assert starting == {*STARTING, "demo"}


@pytest.mark.parametrize(("command", "written"), [("train", "3"), ("find-rate", "3"), ("train", '"3"')])
def test_another_number_of_devices_is_refused(
    command: str, written: str, launched: Callable[[int, int], None], make_file: MakeFile,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    launched(0, 2)
    devices = ["--set", f"train.devices={written}", "--set", 'train.device="cpu"']
    assert main([command, str(make_file("finish")), *devices]) == 2
    assert capsys.readouterr().err.startswith("train.devices = 3, and 2 processes were launched")


def test_the_launcher_chooses_the_devices(
    launched: Callable[[int, int], None], make_file: MakeFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    launched(0, 2)
    assert main(["train", str(make_file("finish")), "--set", 'train.device="cpu"']) == 0
    folder = RunFolder(tmp_path / "runs" / "dog-001")
    assert folder.read_settings().train.devices == 2
    launched(0, 3)
    assert main(["train", str(make_file("finish")), "--detach", "--set", 'train.device="cpu"']) == 2
    assert "--detach is not for a run with a launcher" in capsys.readouterr().err


def test_the_launcher_is_to_end_the_processes_that_were_not_called(
    launched: Callable[[int, int], None], make_file: MakeFile
) -> None:
    """It waits for them, unless the first one fails."""
    words = ["train", str(make_file("stop uncalled")), "--set", 'train.device="cpu"']
    assert main(words) == 0
    launched(0, 2)
    assert main(words) == 1


def test_what_is_no_number_of_devices_is_told_as_without_a_launcher(
    launched: Callable[[int, int], None], make_file: MakeFile, capsys: pytest.CaptureFixture[str]
) -> None:
    launched(0, 2)
    assert main(["train", str(make_file("finish")), "--set", "train.devices=true"]) == 2
    assert capsys.readouterr().err.startswith("train.devices = true is not valid")
