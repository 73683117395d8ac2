"""watch, stop and runs: for runs that another program started, or nobody follows any more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sd_finetune.__main__ import main
from sd_finetune.errors import CannotWriteError
from sd_finetune.runs.file_lock import holder
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.json_lines import append_line
from sd_finetune.runs.messages import Done, Error, EventLog, Phase, Step, read_events
from sd_finetune.runs.snapshots import MARKER, snapshot_folder
from sd_finetune.runs.state import state_of
from sd_finetune.runs.worker_process import noted_worker

MakeFile = Callable[[str], Path]
windows = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")


@pytest.fixture
def detached(make_file: MakeFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> RunFolder:
    """A run that goes on until it is stopped, and that nobody follows."""
    assert main(["train", str(make_file("until stop")), "--detach"]) == 0
    folder = RunFolder(tmp_path / "runs" / "dog-001")
    assert capsys.readouterr().out.splitlines() == [
        f"run folder: {folder.path}",
        f"follow it with: python -m sd_finetune watch {folder.path}",
    ]
    while not folder.events.exists():
        time.sleep(0.02)
    return folder


def test_a_detached_run_has_no_owner_and_is_stopped_by_name(
    detached: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert holder(detached.owner_lock) is None
    assert state_of(detached).name == "running"
    assert main(["stop", "dog-001"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "dog-001 stops after this step and saves.",
        "stopped after 7 steps",
    ]
    assert state_of(detached).name == "stopped"
    assert main(["stop", str(detached.path)]) == 2
    assert capsys.readouterr().err == "dog-001 is not running: it was stopped at step 7.\n"
    assert main(["watch", str(detached.path)]) == 2


@windows
def test_ended_at_once_from_another_terminal(detached: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stop", "runs/dog-001", "--now"]) == 0
    assert "stopped after 0 steps. You ended it at once, without saving." in capsys.readouterr().out
    events, _ = read_events(detached.events)
    assert [type(event) for event in events] == [Phase, Done]


@windows
def test_a_full_disk_keeps_no_run_from_being_detached_and_ended(
    make_file: MakeFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_room(path: Path, content: dict[str, object]) -> None:
        if content.get("command") == "end":
            raise CannotWriteError("No space left on the disk.")
        append_line(path, content)

    def no_note(*_: object) -> None:
        raise CannotWriteError("No space left on the disk.")

    monkeypatch.setattr("sd_finetune.commands.start.note_worker", no_note)
    assert main(["train", str(make_file("with its lock")), "--detach"]) == 0
    folder = RunFolder(tmp_path / "runs" / "dog-001")
    while not holder(folder.worker_lock):
        time.sleep(0.02)
    assert noted_worker(folder) is None
    monkeypatch.setattr("sd_finetune.runs.messages.append_line", no_room)
    assert main(["stop", "dog-001", "--now"]) == 0
    assert "The worker ended before the run was done" in capsys.readouterr().err
    assert not holder(folder.worker_lock)


def test_watching_shows_it_to_its_end(detached: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    def stop_later() -> None:
        time.sleep(0.5)
        main(["stop", "dog-001"])

    other = threading.Thread(target=stop_later)
    other.start()
    assert main(["watch", "dog-001"]) == 0
    other.join()
    printed = capsys.readouterr().out
    assert "loading: 1 of 1" in printed
    assert "stopped after 7 steps" in printed


@windows
def test_who_watches_a_run_that_dies_says_how(detached: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nobody else who could write its last event."""
    worker = noted_worker(detached)
    assert worker is not None
    threading.Timer(0.5, lambda: os.kill(worker.pid, signal.SIGKILL)).start()
    threading.Thread(target=lambda: os.waitpid(worker.pid, 0), daemon=True).start()
    assert main(["watch", "dog-001"]) == 1
    assert "ended before the run was done" in capsys.readouterr().err
    assert isinstance(read_events(detached.events)[0][-1], Error)
    assert state_of(detached).name == "failed"


def test_a_run_of_another_program_is_stopped(make_file: MakeFile, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own program sees its end; the events have one."""
    driver = (
        "import sys; from sd_finetune.runs import launch; launch.WORKER = 'fake_worker'; "
        "from sd_finetune.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    path = os.pathsep.join([str(Path(__file__).parents[3]), os.environ["PYTHONPATH"]])
    process = subprocess.Popen(
        [sys.executable, "-c", driver, "train", str(make_file("until stop"))],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
    )
    folder = RunFolder(Path("runs/dog-001").absolute())
    while not folder.events.exists():
        time.sleep(0.02)
    assert holder(folder.owner_lock) == process.pid
    assert main(["runs"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"running     -  {folder.path}"
    assert main(["stop", "dog-001"]) == 0
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"stopped after 7 steps" in out
    assert [type(event) for event in read_events(folder.events)[0]] == [Phase, Done]


def make_run(folder: Path, *events: object, snapshot: int = 0) -> RunFolder:
    run = RunFolder(folder)
    folder.mkdir(parents=True)
    run.settings.write_text("{}")
    run.base.write_text("{}")
    for event in events:
        EventLog(run.events).append(event)  # type: ignore[arg-type]
    if snapshot:
        snapshot_folder(run.snapshots, snapshot).mkdir(parents=True)
        (snapshot_folder(run.snapshots, snapshot) / MARKER).write_text("{}")
    return run


def step(number: int) -> Step:
    return Step(number, 5000, 1, 0.5, 0.25, None, {"unet": 1e-4}, 1.0, 1.0, 0)


def test_all_runs_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made = [
        make_run(tmp_path / "runs" / "a-001", step(1200), Done(1200, "stopped"), snapshot=1200),
        make_run(tmp_path / "runs" / "b-001", step(3), step(4), Done(5000, "finished")),
        make_run(tmp_path / "sd-finetune-data" / "projects" / "dog" / "runs" / "dog-001", step(2), Error("No.")),
        make_run(tmp_path / "runs" / "c-001", Phase("training", 0, 10), step(7), snapshot=6),
        make_run(tmp_path / "runs" / "d-001"),
        make_run(tmp_path / "elsewhere" / "e-001", Phase("waiting for its turn", 0, 1)),
    ]
    make_run(tmp_path / "runs" / ".hidden.unfinished")
    for number, run in enumerate(made):
        os.utime(run.settings, (number, number))
    assert main(["runs"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["state", "step", "folder"],
        ["stopped", "1,200", "of", "5,000", str(made[0].path)],
        ["finished", "5,000", "of", "5,000", str(made[1].path)],
        ["failed", "2", "of", "5,000", str(made[2].path)],
        ["interrupted", "7", "of", "5,000", str(made[3].path)],
        ["new", "-", str(made[4].path)],
    ]
    assert main(["runs", "elsewhere"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["interrupted", "-", str(made[5].path)]
    assert main(["runs", "nowhere"]) == 2
    assert "nowhere is not a folder" in capsys.readouterr().err
    assert state_of(made[3]).resumable_from == 6
    assert state_of(made[3]).sentence == "it was interrupted at step 7; it can be resumed from step 6."


def test_names_of_several_runs_and_of_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for project in ("a", "b"):
        make_run(tmp_path / "sd-finetune-data" / "projects" / project / "runs" / "dog-001")
    assert main(["stop", "dog-001"]) == 2
    assert "dog-001 is the name of 2 runs: give the folder of one" in capsys.readouterr().err
    assert main(["watch", "cat-001"]) == 2
    assert "cat-001 is not a run folder, nor the name of a run in runs or sd-finetune-data" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"\0" * 99, b"[]\n", b'{"kind": ["x"]}\n', None])
def test_a_run_whose_events_are_damaged_is_listed_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    run = make_run(tmp_path / "runs" / "a-001")
    if content is None:
        run.events.mkdir()
    else:
        run.events.write_bytes(content)
    (run.path / "worker.json").write_text('{"pid": -1, "started": "x", "since": []}')
    assert main(["runs", str(tmp_path / "runs")]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["new", "-"]
