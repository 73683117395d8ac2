from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from sd_finetune.errors import CannotWriteError, UserError
from sd_finetune.runs.held import Held
from sd_finetune.runs.messages import EventLog, Warning_, read_events


def test_what_cannot_be_written_is_written_later_in_order() -> None:
    written: list[int] = []
    error: Exception | None = OSError(errno.ENOSPC, "full")

    def write(number: int) -> None:
        if error:
            raise error
        written.append(number)

    held = Held(write)
    held.append(1)
    error = CannotWriteError("No space left.")
    held.append(2)
    assert not held.flush()
    assert written == []
    error = None
    held.append(3)
    assert written == [1, 2, 3]
    assert held.flush()


def test_other_errors_come_out() -> None:
    def write(_: int) -> None:
        raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        Held(write).append(1)


def test_events_wait_for_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr("sd_finetune.runs.messages.append_line", full)
        log.append(Warning_(message="first"))
    assert read_events(log.path)[0] == []
    log.append(Warning_(message="second"))
    assert [event.message for event in read_events(log.path)[0]] == ["first", "second"]  # type: ignore[attr-defined]


def full(*_: object) -> None:
    raise CannotWriteError("No space left on the disk.")


def test_a_run_folder_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "dog-001" / "events.jsonl")
    log.path.parent.mkdir()
    log.append(Warning_(message="first"))
    shutil.rmtree(log.path.parent)
    with pytest.raises(UserError, match=r"^The run folder .*dog-001 is gone: it was removed, renamed or moved while"):
        log.append(Warning_(message="second"))
    assert not log.path.parent.exists()


def test_a_run_folder_on_a_drive_that_is_gone_may_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(tmp_path / "dog-001" / "events.jsonl")
    log.path.parent.mkdir()
    away = log.path.parent.rename(tmp_path / "away")
    with monkeypatch.context() as patch:
        patch.setattr("sd_finetune.runs.messages.drive_is_gone", lambda _: True)
        log.append(Warning_(message="first"))
    away.rename(log.path.parent)
    assert log.flush()
    assert len(read_events(log.path)[0]) == 1
