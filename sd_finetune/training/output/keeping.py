"""What is kept of a run while it trains: its results, and snapshots that it can be resumed from."""

from __future__ import annotations

import time

from ...errors import CannotWriteError, NotFiniteError, UserError
from ...runs.messages import Warning_
from ...runs.snapshots import (
    finished_snapshots,
    is_finished,
    latest_snapshot,
    snapshot_depends_on,
    snapshot_folder,
    step_of,
)
from ..state import Training
from .divergence import divergence
from .room import is_for_lack_of_room, wait_for_room
from .save import save_result
from .snapshots import remove_snapshots, write_snapshot


class Keeper:
    """Saves results and snapshots of one run, and knows when a snapshot is due."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._last = time.monotonic()
        self._told = False
        self.diverged = ""
        """What is said of the latest result if training diverged."""

    def snapshot_is_due(self, step: int) -> bool:
        """Whether the settings ask for a snapshot after `step` steps."""
        asked = self._training.settings.snapshots
        if step == self._training.total_steps:
            return asked.at_end
        minutes = (time.monotonic() - self._last) / 60
        return 0 < asked.every_minutes <= minutes or self._training.intervals.is_due("snapshot", asked.every, step)

    def snapshot(self, step: int) -> bool:
        """Write a snapshot after `step` steps; whether there is one then.

        Where it cannot be written the run goes on without it, and says so once until one can be written again.
        """
        try:
            self._write_snapshot(step)
            self._told = False
        except UserError as error:
            if not self._told:
                self._training.events.append(Warning_(message=f"{error} {self._without_snapshot()}"))
            self._told = True
        self._last = time.monotonic()
        return is_finished(snapshot_folder(self._training.run.snapshots, step))

    def save(self, step: int, final: bool) -> None:
        """Save the result after `step` steps; where it cannot be written, what was learned is kept in a snapshot.

        Training goes on without an intermediate result. At the end, where there is no room for the snapshot either,
        this waits until one of them can be written or the run is stopped.

        Raises:
            UserError: the result of the end is not saved; says where what was learned is.
        """
        self.diverged = divergence(self._training)
        if self.diverged:
            self._training.events.append(Warning_(message=self.diverged))
        try:
            save_result(self._training, step, final)
        except CannotWriteError as error:
            kept = self.snapshot(step)
            if not final:
                self._training.events.append(Warning_(message=f"{error} Training goes on without this result."))
            else:
                self._save_later(step, error, kept)
        except NotFiniteError:
            raise
        except Exception:
            self.snapshot(step)
            raise

    def _save_later(self, step: int, error: CannotWriteError, kept: bool) -> None:
        """Have the run resumed from what is kept, or else wait until the result can be saved."""
        told = self._training.orders.stops()  # a run that was stopped waits too, until it is told again
        while not kept:
            if not wait_for_room(self._training, error, lambda: self._training.orders.stops() > told):
                raise UserError(f"{error} The run was stopped while it waited, and its last steps are lost.") from error
            try:
                save_result(self._training, step, final=True)
                return
            except CannotWriteError as again:
                error, kept = again, self.snapshot(step)
        way_out = "mend this and resume that run"
        raise UserError(f"{error} What was learned is kept in {self._training.run.path}: {way_out}.") from error

    def _write_snapshot(self, step: int) -> None:
        training = self._training
        if is_finished(snapshot_folder(training.run.snapshots, step)):
            return
        try:
            self._write_and_keep(step, training.settings.snapshots.keep)
        except CannotWriteError as error:
            if not (is_for_lack_of_room(error) and len(finished_snapshots(training.run.snapshots)) > 1):
                raise
            remove_snapshots(training.run.snapshots, keep=1)
            self._write_and_keep(step, keep=1)

    def _write_and_keep(self, step: int, keep: int) -> None:
        training = self._training
        write_snapshot(
            training.run.snapshots,
            step,
            training.kept_tensors(),
            training.optimizer,
            training.settings.optimizer.name,
            training.accelerator.scaler,
            keep,
            snapshot_depends_on(training.settings),
        )

    def _without_snapshot(self) -> str:
        latest = latest_snapshot(self._training.run)
        there = f"that of step {step_of(latest)} stays" if latest else "there is none to resume from yet"
        return f"The run goes on without a new snapshot; {there}."
