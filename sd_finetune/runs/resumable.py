"""Whether a run can be gone on with."""

from __future__ import annotations

from ..errors import UserError
from .folder import RunFolder
from .messages import Done, read_events
from .snapshots import finished_snapshots


def refuse_to_resume(run: RunFolder) -> None:
    """Raise UserError, naming the way out, if a run is finished or has no snapshot to go on from."""
    earlier, _ = read_events(run.events)
    if any(isinstance(event, Done) and event.outcome == "finished" for event in earlier):
        raise UserError(
            f"{run.path.name} is finished, so there is nothing to resume: start a new run, which goes on from its "
            "result if that is named in base.continue_from."
        )
    if not finished_snapshots(run.snapshots):
        raise UserError(
            f"{run.path.name} has no snapshot to go on from: start it anew, and stop it with Stop or set "
            "output.save_every to have one next time."
        )
