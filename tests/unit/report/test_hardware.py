"""What is asked of the hardware, also where nothing answers."""

from __future__ import annotations

import sys
import time

import pytest

from sd_finetune.report import hardware


def test_a_command_that_hangs_is_not_waited_for() -> None:
    started = time.monotonic()
    assert hardware.answer_of([sys.executable, "-c", "import time; time.sleep(60)"], 0.3) is None
    assert time.monotonic() - started < 20


def test_a_command_that_answers_fails_or_is_not_there() -> None:
    assert hardware.answer_of([sys.executable, "-c", "print('Ω')"], 60) is not None
    assert hardware.answer_of([sys.executable, "-c", "print('x'); raise SystemExit(3)"], 60) is None
    assert hardware.answer_of(["no-such-command-anywhere"], 60) is None


def test_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "nvidia-smi": "NVIDIA GeForce RTX 3060, 12288 MiB, 500 MiB, 550.54\n",
        sys.executable: 'a warning\n{"cuda": "12.1", "gpus": [["NVIDIA GeForce RTX 3060", 12884901888, "8.6"]]}\n',
    }
    monkeypatch.setattr(hardware, "answer_of", lambda command, seconds: answers[command[0]])
    told = hardware.hardware()
    assert told["nvidia_smi"] == ["NVIDIA GeForce RTX 3060, 12288 MiB, 500 MiB, 550.54"]
    assert told["torch"]["gpus"] == [["NVIDIA GeForce RTX 3060", 12884901888, "8.6"]]
    assert told["memory_bytes"] > 2**28
    assert told["processor"]


def test_where_nothing_answers_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "answer_of", lambda command, seconds: None)
    told = hardware.hardware()
    assert (told["nvidia_smi"], told["torch"]) == (None, None)


def test_torch_is_asked_in_its_own_words() -> None:
    answer = hardware.answer_of([sys.executable, "-c", hardware.TORCH], 120)
    assert answer is not None
    assert '"gpus": [' in answer
