"""How a run stands, from the end of its events and its worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..counted import counted
from .file_lock import holder
from .folder import RunFolder
from .json_lines import read_lines
from .messages import STARTING, WAITING, Done, Error, Event, Phase, Step, events_of_lines
from .snapshots import snapshot_step
from .worker_process import running_worker

StateName = Literal["running", "waiting", "finished", "stopped", "failed", "interrupted", "new"]
TAIL_BYTES = 256 * 1024
"""Of the events that are read, far more than those between two steps."""


@dataclass(frozen=True)
class RunState:
    """How a run stands.

    name: "interrupted" is one whose worker ended without a last event. step, total: of its latest step, 0 before the
    first. resumable_from: the step of its snapshot, 0 where it cannot be resumed.
    """

    name: StateName
    step: int
    total: int
    resumable_from: int

    @property
    def sentence(self) -> str:
        """The state in words, with the way on."""
        way_on = f"; it can be resumed from step {self.resumable_from:,}" if self.resumable_from else ""
        words = {
            "running": "it is running",
            "waiting": "it waits for its turn",
            "finished": f"it finished after {counted(self.step, 'step')}",
            "stopped": f"it was stopped at step {self.step:,}",
            "failed": "it failed",
            "interrupted": f"it was interrupted at step {self.step:,}",
            "new": "it has not begun",
        }
        return f"{words[self.name]}{way_on}."


def state_of(run: RunFolder) -> RunState:
    """How the run stands now. Whatever of it cannot be read counts as not there."""
    events = _last_events(run)
    step = next((event for event in reversed(events) if isinstance(event, Step)), None)
    last = events[-1] if events else None
    name = _name(run, last)
    at = last.step if isinstance(last, Done) else step.step if step else 0
    resumable = 0 if name in ("running", "waiting", "finished") else snapshot_step(run)
    return RunState(name, at, step.total_steps if step else 0, resumable)


def _name(run: RunFolder, last: Event | None) -> StateName:
    if isinstance(last, Error):
        return "failed"
    if isinstance(last, Done):
        return last.outcome
    if running_worker(run) is not None:
        return "running"
    if isinstance(last, Phase) and last.name in (STARTING, WAITING) and holder(run.owner_lock) is not None:
        return "waiting"
    return "interrupted" if last else "new"


def _last_events(run: RunFolder) -> list[Event]:
    try:
        size = run.events.stat().st_size
    except OSError:
        return []
    lines, _ = read_lines(run.events, max(0, size - TAIL_BYTES))
    return events_of_lines(lines)
