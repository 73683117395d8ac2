"""Puts a run where its latest snapshot left it, or an older one where that cannot be read."""

from __future__ import annotations

import traceback
from pathlib import Path

from ..errors import UserError
from ..runs.resumable import refuse_shorter, snapshot_to_resume
from ..runs.snapshots import finished_snapshots, set_aside, step_of
from .out_of_ram import is_out_of_ram
from .output.snapshots import DamagedSnapshotError, read_snapshot
from .state import Training


def load_snapshot(training: Training) -> None:
    """Load the latest snapshot that can be read; a warning names those that cannot, which count no more.

    Raises:
        UserError: there is none, it does not fit the settings, or processes of the run have read different ones.
    """
    refuse_shorter(training.run, training.settings, training.total_steps)
    latest, damaged = snapshot_to_resume(training.run), list[Path]()
    for folder in reversed(finished_snapshots(training.run.snapshots)):
        try:
            training.first_step = _load(training, folder)
        except DamagedSnapshotError:
            traceback.print_exc()
            damaged.append(folder)
        else:
            break
    else:
        raise DamagedSnapshotError(f"The snapshot {latest} is damaged or not one of ours: start the run anew.")
    training.step = training.first_step
    if training.processes.of_first(training.first_step) != training.first_step:
        raise UserError("The processes of the run have read different snapshots: resume it again.")
    if damaged and training.processes.number == 0:
        _leave_out(training, damaged)


def _load(training: Training, snapshot: Path) -> int:
    """The step of the snapshot."""
    name = training.settings.optimizer.name
    try:
        step, trained = read_snapshot(snapshot, training.optimizer, name, training.accelerator.scaler)
        training.load_kept_tensors(trained)
    except (ValueError, KeyError, RuntimeError) as error:  # as torch says that tensors or groups do not match
        if is_out_of_ram(error):
            raise
        traceback.print_exc()
        raise UserError(
            f"The snapshot {snapshot} does not fit the settings of the run, which were changed since it was made: set "
            "them back, or start a new run."
        ) from error
    return step


def _leave_out(training: Training, damaged: list[Path]) -> None:
    """Later, none may be taken for the latest one, or for that of the same step."""
    for folder in damaged:
        set_aside(folder)
    later = " and ".join(f"that of step {step_of(folder):,} ({folder})" for folder in damaged)
    training.warn(
        f"{training.run.path.name} is resumed from its snapshot of step {training.first_step:,}, as {later} cannot be "
        "read: what came after it is learned again."
    )
