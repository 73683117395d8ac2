"""Whether a run ended without anybody asking for it, and can be resumed."""

from __future__ import annotations

from ...runs.folder import RunFolder
from ...runs.messages import NOBODY_FOLLOWS, Done, Event, read_events
from ...runs.snapshots import latest_snapshot

TAIL_BYTES = 32 * 1024


def is_interrupted(run: RunFolder) -> bool:
    """Whether a run that nobody works at has a snapshot and is neither finished nor stopped by a person."""
    last = last_event(run)
    asked_for = isinstance(last, Done) and not last.reason.startswith(NOBODY_FOLLOWS)
    return latest_snapshot(run) is not None and not asked_for


def last_event(run: RunFolder) -> Event | None:
    """The last event of a run, None without one."""
    try:
        size = run.events.stat().st_size
        events, _ = read_events(run.events, max(0, size - TAIL_BYTES))
    except OSError:
        return None
    return events[-1] if events else None
