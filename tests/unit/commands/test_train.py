"""The command train with real (fake) workers: exit codes, what is printed, Ctrl+C."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sd_finetune.__main__ import main
from sd_finetune.commands import resume
from sd_finetune.errors import UserError
from sd_finetune.families.table import FAMILIES
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Done, Phase, read_events, send_command
from sd_finetune.runs.snapshots import MARKER, snapshot_folder
from sd_finetune.settings.availability import install_command
from sd_finetune.settings.optimizers import OPTIMIZERS

MakeFile = Callable[[str], Path]


def test_a_run_that_finishes(make_file: MakeFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(make_file("finish")), "--set", "lora.rank=8"]) == 0
    folder = RunFolder(tmp_path / "runs" / "dog-001")
    assert folder.read_settings().lora.rank == 8
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.splitlines() == [
        f"run folder: {folder.path}",
        "loading: 1 of 1",
        "training: 1 of 2  loss 0.5000 (class 0.2000) · 3.0 images/s · 00:01 left",
        "training: 2 of 2  loss 0.5000 (class 0.2000) · 3.0 images/s · 00:00 left",
        f"saved lora: {folder.output / 'it.safetensors'}",
        "finished after 2 steps",
    ]


def test_a_preset_comes_before_what_is_set(
    make_file: MakeFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preset = ["--preset", "4gb", "--set", "train.gradient_checkpointing=false"]
    assert main(["train", str(make_file("finish")), *preset]) == 0
    settings = RunFolder(tmp_path / "runs" / "dog-001").read_settings()
    assert settings.train.mixed_precision == "bf16"
    assert settings.class_images.batch_size == 1
    assert settings.train.gradient_checkpointing is False
    assert capsys.readouterr().out.startswith('preset 4gb: train.mixed_precision = "bf16", ')


@pytest.mark.parametrize(
    ("preset", "overrides", "message"),
    [
        ("7gb", [], '--preset "7gb" is not valid: use one of 4gb, 6gb'),
        ("", [], '--preset "" is not valid'),
        ("8gb-fp16", ["method=dreambooth"], 'so little VRAM: set method = "lora" instead'),
        (
            "8gb",
            ["method=dreambooth", "optimizer.name=prodigy", "train.unet_learning_rate=1"],
            'for a smaller optimizer than optimizer.name = "prodigy"',
        ),
    ],
)
def test_a_preset_that_cannot_be_used(
    make_file: MakeFile, capsys: pytest.CaptureFixture[str], preset: str, overrides: list[str], message: str
) -> None:
    changes = [word for override in overrides for word in ("--set", override)]
    assert main(["train", str(make_file("finish")), "--preset", preset, *changes]) == 2
    assert message in capsys.readouterr().err


def test_presets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", "--preset", "list"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(FAMILIES) * (8 + 4 * 2 * 7)
    assert [line for line in lines if line.startswith("   8 GB      nothing fits          train LoRA")]


def test_a_run_that_fails_shows_its_sentence_only(make_file: MakeFile, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(make_file("user error")), "--runs", "elsewhere"]) == 1
    assert capsys.readouterr().err == "The folder holds no images: add some.\n"
    assert "Traceback" in (Path("elsewhere") / "dog-001" / "worker.log").read_text()


def test_a_worker_that_dies(make_file: MakeFile, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(make_file("exception"))]) == 1
    assert re.fullmatch(
        r"The worker ended with exit code 1 .*: see .*worker\.log for all of it\.\n", capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--set", "lora.rank=0", "--set", "train.sed=1"],
            "train.sed is not an option: did you mean train.seed?\n"
            "lora.rank = 0 is out of range: use a whole number from 1 to 1024.\n",
        ),
        (
            ["--set", "base.checkpoint=/missing.ckpt"],
            "base.checkpoint = /missing.ckpt not found: give the path of a file.\n",
        ),
        (
            ["--set", "output.notes=\udcff"],
            "output.notes=\\xff is not UTF-8 text: rename the file or folder of that name.\n",
        ),
    ],
)
def test_bad_settings_start_nothing(
    make_file: MakeFile, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["train", str(make_file("finish")), *arguments]) == 2
    assert capsys.readouterr().err == message
    assert not Path("runs").exists()


def test_a_missing_package_starts_nothing(
    make_file: MakeFile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(OPTIMIZERS["adamw"], package="not_installed"))
    assert main(["train", str(make_file("finish"))]) == 2
    assert f"{install_command('not_installed')}, or choose another optimizer.\n" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_run_is_resumed(make_file: MakeFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(make_file("user error"))]) == 1
    folder = RunFolder(tmp_path / "runs" / "dog-001")
    capsys.readouterr()
    assert main(["resume", "runs/dog-001"]) == 2
    assert "dog-001 has no snapshot to resume from: start a new run" in capsys.readouterr().err
    snapshot_folder(folder.snapshots, 1).mkdir()
    (snapshot_folder(folder.snapshots, 1) / MARKER).write_text("{}")
    folder.settings.write_text(folder.settings.read_text().replace("user error", "finish"))
    assert main(["resume", "runs/dog-001"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "", "what the earlier worker said is not told again"
    assert printed.out.splitlines()[-1] == "finished after 2 steps"
    assert "--resume" in folder.log.read_text()
    assert not (folder.path / "worker.json").exists()
    events = folder.events.read_bytes()
    for _ in range(2):
        assert main(["resume", "runs/dog-001"]) == 2
        assert "dog-001 is finished and cannot be resumed" in capsys.readouterr().err
    assert folder.events.read_bytes() == events, "it stays a finished run"
    assert main(["resume", "elsewhere"]) == 2
    assert "is not a run folder" in capsys.readouterr().err


def test_a_run_at_work_is_left_alone(start_train: Callable[[str], subprocess.Popen[str]], tmp_path: Path) -> None:
    process = start_train("until stop")
    folder = RunFolder(tmp_path / "runs" / "dog-001")
    snapshot_folder(folder.snapshots, 1).mkdir()
    (snapshot_folder(folder.snapshots, 1) / MARKER).write_text("{}")
    events = folder.events.read_bytes()
    with pytest.raises(UserError, match=rf"dog-001 is in the hands of process {process.pid}, another server or"):
        resume.run(argparse.Namespace(folder=folder.path, detach=False, launch=None))
    assert folder.events.read_bytes() == events
    send_command(folder.commands, "stop")
    assert process.wait(30) == 0


def test_signal_handlers_are_put_back(make_file: MakeFile) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    main(["train", str(make_file("finish"))])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


DRIVER = """
import sys
from sd_finetune.runs import launch
from sd_finetune.__main__ import main
launch.WORKER = "fake_worker"
sys.exit(main(sys.argv[1:]))
"""


def test_a_name_that_the_terminal_cannot_show_ends_nothing(make_file: MakeFile) -> None:
    path = os.pathsep.join([str(Path(__file__).parents[3]), os.environ["PYTHONPATH"]])
    result = subprocess.run(
        [sys.executable, "-c", DRIVER, "train", str(make_file("finish")), "--set", "output.name=猫"],
        env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "/?-001" in result.stdout.replace(os.sep, "/")


@pytest.fixture
def start_train(make_file: MakeFile, tmp_path: Path) -> Callable[[str], subprocess.Popen[str]]:
    """Starts the command in a process of its own and waits until its worker is at work."""

    def start(act: str) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(Path(__file__).parents[3]), os.environ["PYTHONPATH"]])
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, "train", str(make_file(act))],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        events = tmp_path / "runs" / "dog-001" / "events.jsonl"
        deadline = time.monotonic() + 30
        while not events.exists() or not events.stat().st_size:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return process

    return start


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_interrupt_stops_the_run_and_it_is_saved(
    start_train: Callable[[str], subprocess.Popen[str]], tmp_path: Path, number: int
) -> None:
    process = start_train("until stop")
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "stopped after 7 steps" in out
    assert err.strip().startswith("Stopping after this step and saving the result.")
    assert [type(event) for event in read_events(tmp_path / "runs/dog-001/events.jsonl")[0]] == [Phase, Done]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_second_interrupt_kills(start_train: Callable[[str], subprocess.Popen[str]], tmp_path: Path) -> None:
    process = start_train("stubborn")
    commands = tmp_path / "runs/dog-001/commands.jsonl"
    process.send_signal(signal.SIGINT)
    while not commands.exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "You ended it at once, without saving." in out
    events, _ = read_events(tmp_path / "runs/dog-001/events.jsonl")
    assert [type(event) for event in events] == [Phase, Done]
    assert isinstance(events[-1], Done)
    assert events[-1].outcome == "stopped"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_nobody_reading_our_output_stops_the_run(
    start_train: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    """As in `train ... | head -1`: the worker is not left to train for nobody."""
    process = start_train("until stop")
    assert process.stdout is not None
    process.stdout.close()
    log = tmp_path / "runs/dog-001/events.jsonl"
    with log.open("a") as file:
        file.write('{"kind": "warning", "time": 1.0, "message": "one more line to print"}\n')
    process.wait(timeout=30)
    deadline = time.monotonic() + 30
    while not isinstance(read_events(log)[0][-1], Done):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert process.stderr is not None
    process.stderr.close()
