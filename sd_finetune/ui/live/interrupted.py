"""Whether a run ended without anybody asking for it, and can be resumed."""

from __future__ import annotations

from ...runs.folder import RunFolder
from ...runs.messages import Done, Event, read_events
from ...runs.snapshots import latest_snapshot

TAIL_BYTES = 32 * 1024


def is_interrupted(run: RunFolder) -> bool:
    """Whether a run that nobody works at has a snapshot and is neither finished nor stopped by a person."""
    return latest_snapshot(run) is not None and not isinstance(last_event(run), Done)


def last_event(run: RunFolder) -> Event | None:
    """The last event of a run, None without one."""
    try:
        size = run.events.stat().st_size
        events, _ = read_events(run.events, max(0, size - TAIL_BYTES))
    except OSError:
        return None
    return events[-1] if events else None
