"""The command line as a whole."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from sd_finetune import __version__
from sd_finetune.__main__ import main
from sd_finetune.commands import info
from sd_finetune.errors import UserError
from sd_finetune.settings.reference import option_table

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"]])
def test_help_names_every_option_with_default_and_range(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main(arguments)
    printed = capsys.readouterr().out
    for row in option_table():
        assert f"{row.name} = {row.default}  (" in printed
        assert row.range in printed
        assert row.help in printed


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--version"])
    assert capsys.readouterr().out == f"SD Fine-Tune {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["dance"], ["train"], ["info"]])
def test_commands_that_cannot_be(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main(arguments)
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["trian", "dog.toml"], '"trian" is not a command: did you mean train?'),
        (["x" * 500], f'"{"x" * 80}" is not a command: --help lists them'),
        (["train", "dog.toml", "--sett", "lora.rank=8"], "--sett is not an option of train: did you mean --set"),
        (["sample", "--checkpoint=a", "--prompt=b", "--sampel=c"], "--sampel is not an option of sample: did you mean"),
        (["info", "--zzz", "x"], "--zzz is not an option of info: --help lists them"),
        (["info", "my", "dog.safetensors"], '"dog.safetensors" is one word too many for info: put a name with spaces'),
    ],
)
def test_slips_are_told_with_what_was_meant(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main(arguments)
    told = capsys.readouterr().err
    assert told.startswith("usage:")
    assert f"error: {sentence}" in told


def test_help_needs_no_torch() -> None:
    """The command line answers at once because nothing heavy is loaded for it."""
    code = "import sys, sd_finetune.__main__; sys.exit('torch' in sys.modules or 'diffusers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def identify_module(monkeypatch: pytest.MonkeyPatch, identify: object) -> None:
    module = types.ModuleType("sd_finetune.formats.identify")
    vars(module)["identify"] = identify
    monkeypatch.setitem(sys.modules, "sd_finetune.formats.identify", module)


def test_info_prints_what_the_file_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[Path] = []

    def identify(path: Path) -> types.SimpleNamespace:
        asked.append(path)
        return types.SimpleNamespace(text="a LoRA for SD1")

    identify_module(monkeypatch, identify)
    assert main(["info", "a/b.safetensors"]) == 0
    assert asked == [Path("a/b.safetensors")]
    assert capsys.readouterr().out == "a LoRA for SD1\n"


def test_what_a_person_must_mend_is_a_sentence_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def identify(path: Path) -> None:
        raise UserError(f"{path} is truncated: download it again.")

    identify_module(monkeypatch, identify)
    assert main(["info", "x.ckpt"]) == 2
    assert capsys.readouterr() == ("", "x.ckpt is truncated: download it again.\n")


def test_an_interrupt_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(info, "run", interrupted)
    assert main(["info", "x.ckpt"]) == 130


PLACES = {
    "convert": ["--checkpoint", "none", "--out", "file/new"],
    "merge": ["--checkpoint", "none", "--lora", "none", "--out", "file/new.safetensors"],
    "extract": ["--base", "none", "--tuned", "none", "--out", "file/new.safetensors"],
    "resize": ["none", "--rank", "2", "--out", "file/new.safetensors"],
    "sample": ["--checkpoint", "none", "--prompt", "x", "--out", "file/new"],
}


@pytest.mark.parametrize("command", PLACES)
def test_where_nothing_can_be_written_is_told_before_anything_is_read(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    assert main([command, *PLACES[command]]) == 2
    assert re.match(r"file/new.* cannot be written \(", capsys.readouterr().err.replace(os.sep, "/"))
    monkeypatch.chdir(tmp_path)
    Path("file").unlink()
    assert main([command, *PLACES[command]]) == 2
    assert capsys.readouterr().err.startswith("File none not found")
    assert list(tmp_path.iterdir()) == [], "what is tried leaves no folder behind"


INTERRUPTED = """
import os, runpy, signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started without one

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "sd_finetune.commands":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
runpy.run_module("sd_finetune", run_name="__main__")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_an_interrupt_while_it_starts_is_no_traceback_either() -> None:
    ended = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_output_that_cannot_be_written_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "sd_finetune", "presets"]
        ended = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 2
    sentence = b"The output cannot be used (No space left on device): check its disk and its permissions."
    assert ended.stderr.strip() == sentence


def test_a_disk_that_fails_is_told_with_its_file(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(options: object) -> int:
        raise PermissionError(13, "Permission denied", "/models/a.ckpt")

    monkeypatch.setattr(info, "run", fails)
    monkeypatch.setattr("sd_finetune.__main__._end_output", lambda: None)
    assert main(["info", "x.ckpt"]) == 2
    told = capfd.readouterr().err
    assert told == "/models/a.ckpt cannot be used (Permission denied): check its disk and its permissions.\n"
