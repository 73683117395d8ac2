"""What snapshots are called and how they are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.errors import UserError
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.resumable import snapshot_to_resume
from sd_finetune.runs.snapshots import (
    MARKER,
    all_snapshots,
    finished_snapshots,
    is_finished,
    latest_snapshot,
    needed_snapshot,
    snapshot_folder,
    step_of,
)


def finished(snapshots: Path, step: int) -> Path:
    folder = snapshot_folder(snapshots, step)
    folder.mkdir()
    (folder / MARKER).write_text("{}")
    return folder


def test_a_folder_is_named_after_its_step(tmp_path: Path) -> None:
    assert snapshot_folder(tmp_path, 400) == tmp_path / "step-000400"
    assert [step_of(snapshot_folder(tmp_path, step)) for step in (0, 400, 1_234_567)] == [0, 400, 1_234_567]
    with pytest.raises(ValueError, match="step-4x is not the name"):
        step_of(tmp_path / "step-4x")


def test_they_are_found_by_step_and_only_finished_ones_count(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.snapshots.mkdir()
    early, late = (finished(run.snapshots, step) for step in (999_999, 1_000_000))  # the other way round as texts
    unfinished = snapshot_folder(run.snapshots, 2_000_000)
    unfinished.mkdir()
    (run.snapshots / ".step-000003.unfinished").mkdir()
    (run.snapshots / "notes.txt").touch()
    assert all_snapshots(run.snapshots) == [early, late, unfinished]
    assert finished_snapshots(run.snapshots) == [early, late]
    assert latest_snapshot(run) == needed_snapshot(run, "resume", "start again") == late
    assert not is_finished(unfinished)


@pytest.mark.parametrize("made", [False, True])
def test_where_there_is_none_the_way_out_is_told(tmp_path: Path, made: bool) -> None:
    run = RunFolder(tmp_path / "dog-001")
    if made:
        run.snapshots.mkdir(parents=True)
    assert finished_snapshots(run.snapshots) == []
    assert latest_snapshot(run) is None
    with pytest.raises(UserError, match="dog-001 has no snapshot to continue from: choose another"):
        needed_snapshot(run, "continue", "choose another")
    with pytest.raises(UserError, match=r"dog-001 has no snapshot to resume from: start a new run .*snapshots"):
        snapshot_to_resume(run)
