"""Names of snapshots, and finding them: a folder `step-000400`, finished once the file `complete.json` is in it."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import UserError
from .folder import RunFolder

MARKER = "complete.json"
"""The file that is written last."""
_NAME = re.compile(r"step-([0-9]+)")


def snapshot_folder(snapshots: Path, step: int) -> Path:
    """The folder of a step's snapshot in `snapshots`, whether it exists or not."""
    return snapshots / f"step-{step:06d}"


def step_of(folder: Path) -> int:
    """The step of a snapshot, by the name of its folder.

    Raises:
        ValueError: it does not have the name of a snapshot.
    """
    match = _NAME.fullmatch(folder.name)
    if match is None:
        raise ValueError(f"{folder.name} is not the name of a snapshot's folder")
    return int(match[1])


def all_snapshots(snapshots: Path) -> list[Path]:
    """The folders of all snapshots in `snapshots`, unfinished ones too, by step."""
    found = snapshots.iterdir() if snapshots.is_dir() else ()
    return sorted((folder for folder in found if _NAME.fullmatch(folder.name)), key=step_of)


def is_finished(folder: Path) -> bool:
    """Whether the snapshot in `folder` is complete."""
    return (folder / MARKER).exists()


def finished_snapshots(snapshots: Path) -> list[Path]:
    """The folders of the finished snapshots in `snapshots`, by step, the latest last."""
    return [folder for folder in all_snapshots(snapshots) if is_finished(folder)]


def latest_snapshot(run: RunFolder) -> Path | None:
    """The folder of a run's latest finished snapshot, None without one."""
    finished = finished_snapshots(run.snapshots)
    return finished[-1] if finished else None


def snapshot_step(run: RunFolder) -> int:
    """The step of a run's latest finished snapshot, 0 without one."""
    snapshot = latest_snapshot(run)
    return step_of(snapshot) if snapshot else 0


def needed_snapshot(run: RunFolder, use: str, way_out: str) -> Path:
    """The folder of a run's latest finished snapshot.

    Raises:
        UserError: there is none to `use` ("resume", "continue") the run from; says the `way_out`.
    """
    snapshot = latest_snapshot(run)
    if snapshot is None:
        raise UserError(f"{run.path.name} has no snapshot to {use} from: {way_out}.")
    return snapshot
