"""One job at a time, whose end is always noticed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from sd_finetune.errors import CannotWriteError, UserError
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.json_lines import append_line
from sd_finetune.runs.launch import start_process, start_worker
from sd_finetune.runs.messages import (
    CommandReader,
    Done,
    Error,
    EventLog,
    Phase,
    Saved,
    read_events,
    send_command,
)
from sd_finetune.runs.snapshots import MARKER, snapshot_folder
from sd_finetune.runs.worker_process import FoundWorker, note_worker, noted_worker
from sd_finetune.ui.jobs.job import Job, NewJob
from sd_finetune.ui.jobs.training import resume_job, train_job
from sd_finetune.ui.projects.project import Project
from sd_finetune.ui.server.context import Context
from tests.screen import Screen, make_context, wait_until


def start(context: Context, name: str = "dog") -> Job:
    return context.runner.start(lambda: train_job(context.host, context.project(name)))


def last_event(run: RunFolder) -> object:
    events = read_events(run.events)[0]
    return events[-1] if events else None


def slow(screen: Screen) -> None:
    screen.context.project("dog").write_settings(screen.settings(output__notes="slow", train__length="2000 steps"))


def test_a_run_from_start_to_end(screen: Screen) -> None:
    job = start(screen.context)
    wait_until(lambda: screen.context.runner.current() is None)
    done = last_event(job.run)
    assert isinstance(done, Done)
    assert (done.step, done.outcome) == (20, "finished")
    assert noted_worker(job.run) is None


def test_it_waits_for_its_turn_only_until_it_has_it(screen: Screen) -> None:
    job = start(screen.context)
    wait_until(lambda: screen.context.runner.current() is None)
    phases = [event.name for event in read_events(job.run.events)[0] if isinstance(event, Phase)]
    assert phases[:3] == ["waiting for its turn", "starting", "loading"]
    ended = screen.context.runner.ended()
    assert ended is not None
    assert ended.run == job.run


def test_of_many_presses_at_once_one_starts_a_run(screen: Screen) -> None:
    slow(screen)
    refused: list[str] = []

    def press() -> None:
        try:
            start(screen.context)
        except UserError as error:
            refused.append(str(error))

    presses = [Thread(target=press) for _ in range(5)]
    for each in presses:
        each.start()
    for each in presses:
        each.join()
    assert len(refused) == 4
    assert 'Only one job runs at a time, and "dog" is training: wait' in refused[0]
    assert screen.context.project("dog").run_names() == ["dog-001"]
    wait_until(lambda: noted_worker(screen.context.run("dog", "dog-001")))
    screen.context.runner.kill()
    wait_until(lambda: screen.context.runner.current() is None)


def test_what_is_ended_while_it_waits_for_its_turn_never_begins(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def lend(checkpoint: Path, run: RunFolder, given_up: Callable[[], bool]) -> Iterator[Path]:
        screen.context.runner.kill()
        yield checkpoint

    monkeypatch.setattr(screen.context.host, "lend", lend)
    job = start(screen.context)
    wait_until(lambda: screen.context.runner.current() is None)
    done = last_event(job.run)
    assert isinstance(done, Done)
    assert (done.outcome, done.reason) == ("stopped", "It was ended while it waited for its turn.")
    assert not job.run.log.exists()


def waiting(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> tuple[Job, Event]:
    """A job that waits for the host's turn until the event is set."""
    turn = Event()

    @contextmanager
    def lend(checkpoint: Path, run: RunFolder, given_up: Callable[[], bool]) -> Iterator[Path]:
        turn.wait()
        yield checkpoint

    monkeypatch.setattr(screen.context.host, "lend", lend)
    return start(screen.context), turn


def test_stopped_while_it_waits_for_its_turn_it_ends_at_once(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    job, turn = waiting(screen, monkeypatch)
    send_command(job.run.commands, "stop")
    wait_until(lambda: screen.context.runner.current() is None, seconds=2)
    done = last_event(job.run)
    assert isinstance(done, Done)
    assert (done.step, done.outcome) == (0, "stopped")
    turn.set()
    second = start(screen.context)  # while the thread of the first has its turn at last
    wait_until(lambda: screen.context.runner.current() is None)
    assert not job.run.log.exists()
    assert last_event(job.run) == done
    assert isinstance(last_event(second.run), Done)


@pytest.mark.parametrize("kind", ["train", "generate"])
def test_the_hosts_interrupt_reaches_a_worker_that_tells_nothing(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """As while a large checkpoint is loaded."""
    slow(screen)
    run = RunFolder.create(screen.context.projects / "dog" / "runs", "dog", train_job_settings(screen))
    source = "import time; time.sleep(60)"

    def make() -> NewJob:
        return NewJob(
            kind,  # type: ignore[arg-type]
            "dog",
            run,
            Path("base"),
            lambda _, __: start_process([sys.executable, "-c", source], run.log),
        )

    monkeypatch.setattr(screen.context.host, "asked_to_stop", lambda run: True)
    screen.context.runner.start(make)
    if kind == "train":
        wait_until(lambda: CommandReader(run.commands).new() == ["stop"], seconds=5)
        screen.context.runner.kill()
    wait_until(lambda: screen.context.runner.current() is None, seconds=5)
    done = last_event(run)
    assert isinstance(done, Done)
    assert done.outcome == "stopped"
    assert "ended it at once" in done.reason or "those that were finished are kept" in done.reason


def test_ended_at_once_by_the_user_it_says_so(screen: Screen) -> None:
    slow(screen)
    job = start(screen.context)
    wait_until(lambda: job.run.events.is_file() and job.run.events.read_text().count('"step"') > 3)
    screen.context.runner.kill()
    wait_until(lambda: screen.context.runner.current() is None)
    done = last_event(job.run)
    assert isinstance(done, Done)
    assert (done.outcome, done.reason) == ("stopped", "You ended it at once, without saving.")
    assert done.step >= 1


def no_room(*_: object, **__: object) -> None:
    raise CannotWriteError("No space left on the disk.")


def test_ended_at_once_on_a_full_disk_too(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    slow(screen)
    job = start(screen.context)
    wait_until(lambda: job.run.events.is_file() and '"step"' in job.run.events.read_text())

    def append(path: Path, content: dict[str, object]) -> None:
        no_room() if path == job.run.commands else append_line(path, content)

    monkeypatch.setattr("sd_finetune.runs.messages.append_line", append)
    screen.context.runner.kill()
    wait_until(lambda: screen.context.runner.current() is None, seconds=10)
    assert isinstance(last_event(job.run), Error), "that it was asked for could not be noted"


def running_while_lent(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the worker of a job was still running as the host got back what it had lent."""
    found: list[bool] = []

    @contextmanager
    def lend(checkpoint: Path, run: RunFolder, given_up: Callable[[], bool]) -> Iterator[Path]:
        try:
            yield checkpoint
        finally:
            going = screen.context.runner._going  # type: ignore[reportPrivateUsage]
            assert going is not None
            assert going.worker is not None
            found.append(going.worker.poll() is None)

    monkeypatch.setattr(screen.context.host, "lend", lend)
    return found


def test_what_a_full_disk_does_not_take_is_written_when_there_is_room(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = running_while_lent(screen, monkeypatch)
    slow(screen)
    with monkeypatch.context() as patch:
        patch.setattr("sd_finetune.ui.jobs.doing.note_worker", note := Once(note_worker))
        patch.setattr("sd_finetune.ui.jobs.going.send_command", stop := Once(send_command))
        patch.setattr(screen.context.host, "asked_to_stop", lambda run: stop.tried or noted_worker(run) is not None)
        job = start(screen.context)
        wait_until(lambda: screen.context.runner.current() is None)
    assert (note.tried, stop.tried) == (2, 2)
    done = last_event(job.run)
    assert isinstance(done, Done)
    assert (done.outcome, done.reason) == ("stopped", "")
    assert running == [False]


class Once:
    """Writes from its second call on."""

    def __init__(self, write: Callable[..., None]) -> None:
        self.tried = 0
        self._write = write

    def __call__(self, *arguments: object) -> None:
        self.tried += 1
        (no_room if self.tried == 1 else self._write)(*arguments)


@pytest.mark.parametrize(("patience", "ends"), [(60.0, "stop"), (0.0, "kill")])
def test_a_worker_that_cannot_be_followed_ends_before_the_host_gets_its_vram_back(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, patience: float, ends: str
) -> None:
    def show(event: object, run: RunFolder) -> None:
        if isinstance(event, Phase) and event.name == "training":
            raise RuntimeError("boom")

    running = running_while_lent(screen, monkeypatch)
    slow(screen)
    monkeypatch.setattr("sd_finetune.ui.jobs.going.SAVE_SECONDS", patience)
    monkeypatch.setattr(screen.context.host, "show", show)
    job = start(screen.context)
    wait_until(lambda: screen.context.runner.current() is None)
    assert running == [False]
    told = read_events(job.run.events)[0]
    assert any(isinstance(event, Done) for event in told) == (ends == "stop")
    assert isinstance(told[-1], Error)
    assert told[-1].message == "RuntimeError: boom"


def test_what_another_server_keeps_is_left_to_it(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second server on one folder follows no run of the first, ends none, and starts none a second time."""
    slow(screen)
    job = start(screen.context)
    wait_until(lambda: noted_worker(job.run))
    snapshot = snapshot_folder(job.run.snapshots, 1)
    snapshot.mkdir()
    (snapshot / MARKER).write_text("{}")
    second = make_context(tmp_path)
    assert second.runner.current() is None
    with pytest.raises(UserError, match=f"dog-001 is in the hands of process {os.getpid()}"):
        second.runner.start(lambda: resume_job(second.host, second.project("dog"), job.run))
    assert second.runner.current() is None
    assert [e.name for e in read_events(job.run.events)[0] if isinstance(e, Phase)].count("waiting for its turn") == 1
    assert noted_worker(job.run)
    screen.context.runner.kill()
    wait_until(lambda: screen.context.runner.current() is None)
    waits, turn = waiting(screen, monkeypatch)
    assert make_context(tmp_path).runner.current() is None
    assert isinstance(last_event(waits.run), Phase), "it still waits in the first server"
    screen.context.runner.kill()
    turn.set()


def test_a_killed_worker_is_noticed_and_the_next_run_works(screen: Screen) -> None:
    slow(screen)
    job = start(screen.context)
    worker = wait_until(lambda: noted_worker(job.run))
    os.kill(worker.pid, signal.SIGKILL)
    wait_until(lambda: screen.context.runner.current() is None)
    error = last_event(job.run)
    assert isinstance(error, Error)
    assert "was killed by SIGKILL" in error.message
    screen.context.project("dog").write_settings(screen.settings())
    second = start(screen.context)
    wait_until(lambda: screen.context.runner.current() is None)
    assert isinstance(last_event(second.run), Done)


def test_another_server_finds_a_run_again_and_sees_its_end(screen: Screen, tmp_path: Path) -> None:
    run = RunFolder.create(screen.context.projects / "dog" / "runs", "dog", train_job_settings(screen))
    worker = start_worker(run)
    note_worker(run, worker.pid, since=0)
    second = make_context(tmp_path)
    job = second.runner.current()
    assert job is not None
    assert (job.kind, job.project, job.run.path) == ("train", "dog", run.path)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    wait_until(lambda: second.runner.current() is None)
    assert isinstance(last_event(run), Error)


def test_a_run_that_died_while_no_server_was_there_gets_its_last_word(screen: Screen, tmp_path: Path) -> None:
    run = RunFolder.create(screen.context.projects / "dog" / "runs", "dog", train_job_settings(screen))
    worker = start_worker(run)
    note_worker(run, worker.pid, since=0)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert make_context(tmp_path).runner.current() is None
    error = last_event(run)
    assert isinstance(error, Error)
    assert "ended before the run was done" in error.message


GENERATES = "import pathlib, sys, time; time.sleep(0.5); pathlib.Path(sys.argv[1], '0.png').touch(); print('made')"


def left_generating(screen: Screen, count: int) -> RunFolder:
    """A job that an earlier server began: it makes one image, and `count` were asked for."""
    run = RunFolder(screen.context.projects / "dog" / "drawn" / "123")
    run.path.mkdir(parents=True)
    run.log.touch()
    (run.path / "request.json").write_text(f'{{"prompt": "a dog", "seed": 0, "count": {count}, "with": ""}}')
    worker = start_process([sys.executable, "-c", GENERATES, str(run.path)], run.log)
    note_worker(run, worker.pid, since=0)
    Thread(target=worker.wait).start()
    return run


@pytest.mark.parametrize(("count", "end"), [(1, "done"), (2, "Only 1 of 2 images were generated")])
def test_another_server_finds_generating_again_and_sees_its_end(
    screen: Screen, tmp_path: Path, count: int, end: str
) -> None:
    run = left_generating(screen, count)
    second = make_context(tmp_path)
    job = second.runner.current()
    assert job is not None
    assert (job.kind, job.project) == ("generate", "dog")
    wait_until(lambda: second.runner.current() is None)
    told = last_event(run)
    assert (told.message if isinstance(told, Error) else "done").startswith(end)
    assert noted_worker(run) is None


def test_what_waited_for_its_turn_when_the_server_ended_gets_its_last_word(screen: Screen, tmp_path: Path) -> None:
    run = RunFolder(screen.context.projects / "dog" / "drawn" / "123")
    run.path.mkdir(parents=True)
    EventLog(run.events).append(Phase("waiting for its turn", 0, 1))
    assert make_context(tmp_path).runner.current() is None
    error = last_event(run)
    assert isinstance(error, Error)
    assert error.message == "The server stopped before this job started: start it again."


def test_another_process_with_the_same_number_is_not_the_worker() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert FoundWorker(process.pid, started=1.0).poll() is not None
    finally:
        process.kill()
        process.wait()


def test_a_host_that_cannot_lend_ends_the_run_with_its_sentence(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise UserError("The GPU is busy: wait.")

    monkeypatch.setattr(screen.context.host, "lend", refuse)
    job = start(screen.context)
    wait_until(lambda: screen.context.runner.current() is None)
    error = last_event(job.run)
    assert isinstance(error, Error)
    assert error.message == "The GPU is busy: wait."


def test_a_stopped_run_goes_on(screen: Screen) -> None:
    slow(screen)
    job = start(screen.context)
    wait_until(lambda: job.run.events.read_text().count('"step"') > 3)
    job.run.commands.write_text('{"command": "stop", "time": 9e9}\n')
    wait_until(lambda: screen.context.runner.current() is None)
    stopped = last_event(job.run)
    assert isinstance(stopped, Done)
    assert stopped.outcome == "stopped"
    job.run.commands.write_text("")
    fast = screen.settings(train__length=f"{stopped.step + 5} steps")
    Project(job.run.path.parents[1]).write_settings(fast)
    screen.context.runner.start(lambda: resume_job(screen.context.host, screen.context.project("dog"), job.run))
    wait_until(lambda: job.run.events.read_text().count('"loading"') == 2)
    screen.context.runner.kill()
    wait_until(lambda: screen.context.runner.current() is None)


def test_the_host_is_told_what_was_saved_while_it_is_the_runs_turn(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    @contextmanager
    def lend(checkpoint: Path, run: RunFolder, given_up: Callable[[], bool]) -> Iterator[Path]:
        told.append("begin")
        yield checkpoint
        told.append("end")

    def show(event: object, run: RunFolder) -> None:
        if isinstance(event, Saved) and event.result != "snapshot":
            told.append(event.path)

    monkeypatch.setattr(screen.context.host, "lend", lend)
    monkeypatch.setattr(screen.context.host, "show", show)
    job = start(screen.context)
    wait_until(lambda: screen.context.runner.current() is None)
    assert told == ["begin", str(job.run.output / "dog.safetensors"), "end"]


def test_a_host_that_fails_afterwards_spoils_neither_the_run_nor_the_next_one(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def lend(checkpoint: Path, run: RunFolder, given_up: Callable[[], bool]) -> Iterator[Path]:
        yield checkpoint
        raise OSError("the folder went away")

    monkeypatch.setattr(screen.context.host, "lend", lend)
    first = start(screen.context)
    wait_until(lambda: screen.context.runner.current() is None)
    assert noted_worker(first.run) is None
    assert isinstance(last_event(first.run), Done)
    start(screen.context)
    wait_until(lambda: screen.context.runner.current() is None)


def train_job_settings(screen: Screen):  # type: ignore[no-untyped-def]
    from sd_finetune.settings.read import from_dict

    return from_dict(screen.settings(output__notes="slow", train__length="2000 steps"))
