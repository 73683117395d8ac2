"""Whether a run can be resumed."""

from __future__ import annotations

import json
from pathlib import Path

from ..errors import UserError
from ..settings.options import Settings
from .folder import RunFolder, describe_base
from .messages import Done, read_events
from .notes import read_note
from .snapshots import means_the_same, needed_snapshot, read_marker, snapshot_depends_on

NEW_RUN = "or start a new run"


def refuse_to_resume(run: RunFolder) -> None:
    """Raise UserError if a run is finished, has no snapshot to resume from, or that does not fit its settings."""
    earlier, _ = read_events(run.events)
    if any(isinstance(event, Done) and event.outcome == "finished" for event in earlier):
        raise UserError(
            f"{run.path.name} is finished and cannot be resumed: start a new run, and set base.continue_from to "
            "its result to continue from it."
        )
    snapshot, settings = snapshot_to_resume(run), run.read_settings()
    _refuse_other_settings(run, settings, snapshot)
    if settings.train.length.unit == "steps":
        refuse_shorter(run, settings, settings.train.length.amount)
    _refuse_other_base(run, settings)


def snapshot_to_resume(run: RunFolder) -> Path:
    """The folder of the snapshot to resume a run from. Raises UserError if it has none."""
    return needed_snapshot(run, "resume", "start a new run ([snapshots] in its settings says when one is written)")


def refuse_shorter(run: RunFolder, settings: Settings, total_steps: int) -> None:
    """Raise UserError if a run of so many steps ends before the snapshot that it would be resumed from."""
    marker = read_marker(snapshot_to_resume(run))
    if marker is not None and total_steps < marker.step:
        raise UserError(
            f'train.length = "{settings.train.length}" ends at step {total_steps:,}, but the snapshot of '
            f"{run.path.name} is of step {marker.step:,}: make it longer in {run.settings}, {NEW_RUN}."
        )


def _refuse_other_settings(run: RunFolder, settings: Settings, snapshot: Path) -> None:
    marker, now = read_marker(snapshot), snapshot_depends_on(settings)
    faults = [
        f"{name} = {json.dumps(now.get(name))} does not match the snapshot of {run.path.name}, which was made with "
        f"{json.dumps(value)}: set it back in {run.settings}, {NEW_RUN}."
        for name, value in (marker.depends_on if marker else {}).items()
        if name not in now or not means_the_same(name, now[name], value)
    ]
    if faults:
        raise UserError("\n".join(faults))


def _refuse_other_base(run: RunFolder, settings: Settings) -> None:
    """The same file in another place is as good as it was; a run of an earlier version only knows its size."""
    known, now = read_note(run.base) or {}, describe_base(Path(settings.base.checkpoint))
    fact = "fingerprint" if "fingerprint" in known else "size"
    if fact in known and known[fact] != now[fact]:
        raise UserError(
            f"base.checkpoint = {settings.base.checkpoint!r} is another file than the one that {run.path.name} was "
            f"started with: put that one back, {NEW_RUN}."
        )
