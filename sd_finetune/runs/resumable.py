"""Whether a run can be resumed."""

from __future__ import annotations

from ..errors import UserError
from .folder import RunFolder
from .messages import Done, read_events
from .snapshots import finished_snapshots


def refuse_to_resume(run: RunFolder) -> None:
    """Raise UserError if a run is finished or has no snapshot to resume from."""
    earlier, _ = read_events(run.events)
    if any(isinstance(event, Done) and event.outcome == "finished" for event in earlier):
        raise UserError(
            f"{run.path.name} is finished and cannot be resumed: start a new run, and set base.continue_from to "
            "its result to continue from it."
        )
    if not finished_snapshots(run.snapshots):
        raise UserError(
            f"{run.path.name} has no snapshot to resume from: start a new run (Stop and output.save_every save one)."
        )
