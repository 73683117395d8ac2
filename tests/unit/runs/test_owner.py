"""One owner and one worker for a run, however processes end."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sd_finetune.errors import UserError
from sd_finetune.runs import file_lock
from sd_finetune.runs.file_lock import hold, holder, is_held
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.owner import ALONE_SECONDS, LOOK_SECONDS, Watched, own

HOLDS = """
import sys, time
from pathlib import Path
from sd_finetune.runs.file_lock import hold
held = hold(Path(sys.argv[1]))
print("held" if held else "taken", flush=True)
sys.stdin.read()
"""


def holding(path: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path.cwd()
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"held"
    return process


def test_a_held_file_says_who_holds_it_until_that_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert holder(path) is None
    process = holding(path)
    assert holder(path) == process.pid
    assert hold(path, patience=0.1) is None
    process.kill()
    process.wait()
    assert holder(path) is None
    with hold(path) or pytest.fail("it is free") as held:
        assert holder(path) == os.getpid()
        held.release()
        held.release()
    assert holder(path) is None


def test_of_many_at_once_one_holds_it(tmp_path: Path) -> None:
    got: list[object] = []

    def take() -> None:
        held = hold(tmp_path / "lock", patience=0.2)
        if held:
            got.append(held)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1


def test_who_looks_does_not_keep_others_from_holding(tmp_path: Path) -> None:
    path, over = tmp_path / "lock", threading.Event()
    path.touch()

    def look() -> None:
        while not over.is_set():
            holder(path)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        held = hold(path)
        assert held is not None
        held.release()
    over.set()
    for thread in threads:
        thread.join()


def test_where_there_are_no_locks_the_noted_process_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(file_lock, "_lock_at_once", unsupported)
    path = tmp_path / "lock"
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        path.write_text(str(process.pid))
        assert holder(path) == process.pid
        assert hold(path, patience=0) is None
    finally:
        process.kill()
        process.wait()
    assert hold(path, patience=0) is not None


def test_a_run_that_is_owned_is_refused_with_the_process(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    process = holding(run.owner_lock)
    with pytest.raises(UserError, match=rf"is in the hands of process {process.pid}, another server or command"):
        own(run)
    process.kill()
    process.wait()
    process = holding(run.worker_lock)
    with pytest.raises(UserError, match=rf"is still running as process {process.pid}: wait until it ends"):
        own(run)
    assert holder(run.owner_lock) is None
    process.kill()
    process.wait()
    own(run).release()


def test_a_worker_goes_on_for_a_while_without_an_owner(tmp_path: Path) -> None:
    run, now = RunFolder(tmp_path), 100.0
    held = own(run)
    watched = Watched(run, lambda: now)
    assert watched()
    held.release()
    now += 1000  # a step took long: that nobody is there is seen only now
    assert watched()
    now += ALONE_SECONDS - LOOK_SECONDS
    assert watched()
    again = own(run)
    now += LOOK_SECONDS
    assert watched(), "another one has found it"
    again.release()
    now += LOOK_SECONDS
    assert watched()
    now += ALONE_SECONDS
    assert not watched()


class NotAnswering:
    """Stands for the opening of files on a drive that does not answer, or with too many open files."""

    number = errno.EIO

    def __init__(self, path: Path, mode: str) -> None:
        raise OSError(self.number, os.strerror(self.number), str(path))


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.EACCES, errno.EINVAL])
def test_a_drive_that_does_not_answer_says_nothing_about_the_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    run, now = RunFolder(tmp_path), 100.0
    held = own(run)
    watched = Watched(run, lambda: now)
    monkeypatch.setattr(NotAnswering, "number", number)
    with monkeypatch.context() as patch:
        patch.setattr(file_lock, "FileIO", NotAnswering)
        for _ in range(3):
            now += ALONE_SECONDS
            assert watched()
    held.release()
    now += LOOK_SECONDS
    assert watched()
    now += ALONE_SECONDS
    assert not watched(), "it answers again, and the owner is gone"


def test_a_lock_that_fails_with_its_drive_says_nothing_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    path = tmp_path / "lock"
    with hold(path) or pytest.fail("it is free"):
        monkeypatch.setattr(file_lock, "_lock_at_once", fail)
        monkeypatch.setattr(file_lock, "_read_noted", fail)
        with pytest.raises(OSError, match="Input/output"):
            is_held(path)
        assert holder(path) is None


def test_a_drive_that_is_gone_is_no_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows says of every file on a network share that it cannot reach that there is none."""
    path = tmp_path / "lock"
    assert not is_held(path)
    monkeypatch.setattr(file_lock, "drive_is_gone", lambda _: True)
    with pytest.raises(FileNotFoundError):
        is_held(path)
