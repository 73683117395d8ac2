"""A run that nobody has stopped is offered to be resumed."""

from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import NOBODY_FOLLOWS, Done, Error, Event, EventLog, Phase
from sd_finetune.runs.snapshots import MARKER, snapshot_folder
from sd_finetune.ui.live.interrupted import is_interrupted


@pytest.mark.parametrize(
    ("last", "offered"),
    [
        (None, True),
        (Error("The worker was killed."), True),
        (Done(3, "stopped", reason=f"{NOBODY_FOLLOWS} after saving a snapshot."), True),
        (Done(3, "stopped"), False),
        (Done(3, "stopped", reason="You ended it at once."), False),
        (Done(3, "finished"), False),
    ],
)
def test_what_nobody_asked_for(tmp_path: Path, last: Event | None, offered: bool) -> None:
    run = RunFolder(tmp_path)
    log = EventLog(run.events)
    log.append(Phase("training", 0, 10))
    if last:
        log.append(last)
    assert not is_interrupted(run), "there is no snapshot"
    snapshot_folder(run.snapshots, 3).mkdir(parents=True)
    (snapshot_folder(run.snapshots, 3) / MARKER).write_text("{}")
    assert is_interrupted(run) == offered
