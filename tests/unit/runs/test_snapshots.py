"""What snapshots are called and how they are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.errors import UserError
from sd_finetune.runs.snapshots import (
    MARKER,
    all_snapshots,
    finished_snapshots,
    is_finished,
    latest_snapshot,
    snapshot_folder,
    step_of,
)


def finished(snapshots: Path, step: int) -> Path:
    folder = snapshot_folder(snapshots, step)
    folder.mkdir()
    (folder / MARKER).touch()
    return folder


def test_a_folder_is_named_after_its_step(tmp_path: Path) -> None:
    assert snapshot_folder(tmp_path, 400) == tmp_path / "step-000400"
    assert [step_of(snapshot_folder(tmp_path, step)) for step in (0, 400, 1_234_567)] == [0, 400, 1_234_567]
    with pytest.raises(ValueError, match="step-4x is not the name"):
        step_of(tmp_path / "step-4x")


def test_they_are_found_by_step_and_only_finished_ones_count(tmp_path: Path) -> None:
    early, late = finished(tmp_path, 999_999), finished(tmp_path, 1_000_000)  # as texts they are the other way round
    unfinished = snapshot_folder(tmp_path, 2_000_000)
    unfinished.mkdir()
    (tmp_path / ".step-000003.unfinished").mkdir()
    (tmp_path / "notes.txt").touch()
    assert all_snapshots(tmp_path) == [early, late, unfinished]
    assert finished_snapshots(tmp_path) == [early, late]
    assert latest_snapshot(tmp_path) == late
    assert not is_finished(unfinished)


@pytest.mark.parametrize("made", [False, True])
def test_where_there_is_none_the_way_out_is_told(tmp_path: Path, made: bool) -> None:
    snapshots = tmp_path / "snapshots"
    if made:
        snapshots.mkdir()
    assert finished_snapshots(snapshots) == []
    with pytest.raises(UserError, match=r"No finished snapshot in .* to resume from: start a new run .*save_every"):
        latest_snapshot(snapshots)
