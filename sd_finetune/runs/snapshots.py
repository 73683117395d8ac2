"""Names and finding of snapshots: a folder `step-000400`, finished once the file `complete.json` is in it."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import UserError

MARKER = "complete.json"
"""The file that is written last."""
_NAME = re.compile(r"step-([0-9]+)")


def snapshot_folder(snapshots: Path, step: int) -> Path:
    """Where the snapshot of a step is, or would be, in the folder `snapshots`."""
    return snapshots / f"step-{step:06d}"


def step_of(folder: Path) -> int:
    """The step that a snapshot's folder is named after.

    Raises:
        ValueError: it is not named as one.
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
    """Whether the snapshot in `folder` is whole."""
    return (folder / MARKER).exists()


def finished_snapshots(snapshots: Path) -> list[Path]:
    """The folders of the finished snapshots in `snapshots`, by step, the latest last."""
    return [folder for folder in all_snapshots(snapshots) if is_finished(folder)]


def latest_snapshot(snapshots: Path) -> Path:
    """The folder of the latest finished snapshot in `snapshots`.

    Raises:
        UserError: there is none.
    """
    finished = finished_snapshots(snapshots)
    if not finished:
        raise UserError(
            f"{snapshots} holds no finished snapshot to resume from: start a new run, and stop it with Stop or set "
            "output.save_every to have one next time."
        )
    return finished[-1]
