"""Whether a run can be resumed."""

from __future__ import annotations

from pathlib import Path

from ..errors import UserError
from .folder import RunFolder
from .messages import Done, read_events
from .snapshots import needed_snapshot


def refuse_to_resume(run: RunFolder) -> None:
    """Raise UserError if a run is finished or has no snapshot to resume from."""
    earlier, _ = read_events(run.events)
    if any(isinstance(event, Done) and event.outcome == "finished" for event in earlier):
        raise UserError(
            f"{run.path.name} is finished and cannot be resumed: start a new run, and set base.continue_from to "
            "its result to continue from it."
        )
    snapshot_to_resume(run)


def snapshot_to_resume(run: RunFolder) -> Path:
    """The folder of the snapshot to resume a run from. Raises UserError if it has none."""
    return needed_snapshot(run, "resume", "start a new run ([snapshots] in its settings says when one is written)")
