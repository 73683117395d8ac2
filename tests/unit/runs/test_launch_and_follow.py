"""Real worker processes, acting out how runs end."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sd_finetune.data.captioning.process import output_lines
from sd_finetune.errors import UserError
from sd_finetune.runs import launch
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.follow import follow
from sd_finetune.runs.launch import kill_worker, start_worker
from sd_finetune.runs.messages import Done, Error, Event, EventLog, Phase, Saved, Step, read_events, send_command

MakeRun = Callable[[str], RunFolder]


def run_to_its_end(folder: RunFolder) -> tuple[list[Event], int]:
    process = start_worker(folder)
    events = list(follow(folder, process, poll_seconds=0.02))
    return events, process.wait(timeout=30)


def test_a_run_that_finishes(make_run: MakeRun) -> None:
    folder = make_run("finish")
    events, exit_code = run_to_its_end(folder)
    assert [type(event) for event in events] == [Phase, Step, Step, Saved, Done]
    assert events == read_events(folder.events)[0]
    assert exit_code == 0
    assert folder.log.read_text() == "hello from the worker\n"


def test_the_worker_is_found_from_any_folder(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run("finish")
    monkeypatch.chdir(tmp_path)
    events, _ = run_to_its_end(folder)
    assert isinstance(events[-1], Done)


def test_the_workers_own_error_is_the_last_word(make_run: MakeRun) -> None:
    folder = make_run("user error")
    events, exit_code = run_to_its_end(folder)
    assert isinstance(events[-1], Error)
    assert events[-1].message == "The folder holds no images: add some."
    assert exit_code == 1
    assert [type(event) for event in read_events(folder.events)[0]] == [Phase, Error]


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (
            "exception",
            "The worker ended with exit code 1 before the run was done; its last output was "
            '"RuntimeError: boom": see {log} for all of it.',
        ),
        (
            "silent exit",
            "The worker ended with exit code 0 before the run was done; its last output was "
            '"hello from the worker": see {log} for all of it.',
        ),
        pytest.param(
            "killed",
            "The worker was killed by SIGKILL (the system does this when RAM runs out) before the run was done; "
            'its last output was "hello from the worker": see {log} for all of it.',
            marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals"),
        ),
    ],
)
def test_a_worker_that_dies_gets_an_error(make_run: MakeRun, act: str, sentence: str) -> None:
    folder = make_run(act)
    events, _ = run_to_its_end(folder)
    assert isinstance(events[-1], Error)
    assert events[-1].message == sentence.format(log=folder.log)
    assert read_events(folder.events)[0] == events


def test_a_worker_that_cannot_start(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run("finish")
    folder.settings.unlink()
    events, exit_code = run_to_its_end(folder)
    assert [type(event) for event in events] == [Error]
    assert exit_code == 1


def test_the_command_stop_reaches_the_worker(make_run: MakeRun) -> None:
    folder = make_run("until stop")
    process = start_worker(folder)
    events: list[Event] = []
    for event in follow(folder, process, poll_seconds=0.02):
        events.append(event)
        if isinstance(event, Phase):
            send_command(folder.commands, "stop")
    assert [type(event) for event in events] == [Phase, Done]
    assert process.wait(timeout=30) == 0


GROUP, NO_WINDOW = 0x200, 0x8000000
"""Windows' CREATE_NEW_PROCESS_GROUP and CREATE_NO_WINDOW."""


@pytest.mark.parametrize(("system", "flags"), [("win32", GROUP | NO_WINDOW), ("linux", 0), ("darwin", 0)])
def test_windows_closes_no_worker_with_the_console_of_the_webui(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, flags: int
) -> None:
    """A group alone keeps Ctrl+C away; the close of a console reaches all that are attached to it."""
    started: list[object] = []

    def popen(*_: object, **options: object) -> None:
        started.append(options["creationflags"])
        raise OSError("enough")

    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", GROUP, raising=False)
    monkeypatch.setattr(subprocess, "CREATE_NO_WINDOW", NO_WINDOW, raising=False)
    monkeypatch.setattr(subprocess, "Popen", popen)
    with pytest.raises(OSError, match="enough"):
        launch.start_process(["a"], tmp_path / "worker.log")
    with pytest.raises(UserError, match="enough"):
        next(output_lines(["a"], tmp_path, b"", 1.0, lambda: False))
    assert started == [flags, flags]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_killing_ends_the_worker_at_once(make_run: MakeRun) -> None:
    folder = make_run("stubborn")
    process = start_worker(folder)
    for event in follow(folder, process, poll_seconds=0.02):
        if isinstance(event, Phase):
            kill_worker(process)
    assert process.wait(timeout=30) == -signal.SIGKILL
    kill_worker(process)  # once more does no harm


def test_following_somebody_elses_run(make_run: MakeRun) -> None:
    """Events that come later are waited for; those before `since` are not told again."""
    folder = make_run("finish")
    log = EventLog(folder.events)
    log.append(Done(5, "stopped"))
    since = folder.events.stat().st_size
    log.append(Phase("loading", 0, 1))

    def write_later() -> None:
        time.sleep(0.2)
        log.append(Done(9, "finished"))

    writer = threading.Thread(target=write_later)
    writer.start()
    events = list(follow(folder, poll_seconds=0.02, since=since))
    writer.join()
    assert [type(event) for event in events] == [Phase, Done]
    assert events[-1] == read_events(folder.events)[0][-1]
