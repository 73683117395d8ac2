"""Events of a worker, and commands to it: one JSON object per line, only ever appended."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from ..settings.methods import ResultKind
from .json_lines import append_line, read_lines


@dataclass(frozen=True)
class Event:
    """What all events have: a `kind`, and the `time` as a Unix timestamp."""

    kind: ClassVar[str]
    time: float = field(default_factory=time.time, kw_only=True)


@dataclass(frozen=True)
class Phase(Event):
    """Progress of a phase (loading, generating class images, encoding training images, training, saving ...)."""

    kind: ClassVar[str] = "phase"
    name: str
    done: int
    total: int


@dataclass(frozen=True)
class Step(Event):
    """One optimizer step; losses are means over its images, `prior_loss` is None without prior preservation."""

    kind: ClassVar[str] = "step"
    step: int
    total_steps: int
    epoch: int
    loss: float
    instance_loss: float
    prior_loss: float | None
    learning_rates: dict[str, float]
    images_per_second: float
    seconds_left: float
    memory_bytes: int


@dataclass(frozen=True)
class Evaluation(Event):
    """The evaluation loss after `step` steps, on fixed images, noise and timesteps."""

    kind: ClassVar[str] = "evaluation"
    step: int
    loss: float


@dataclass(frozen=True)
class Sample(Event):
    """An image generated after `step` steps; `file` is relative to the run folder."""

    kind: ClassVar[str] = "sample"
    step: int
    file: str
    prompt: str
    seed: int


@dataclass(frozen=True)
class Saved(Event):
    """A result (or snapshot) was saved at `path`; `result` is its kind."""

    kind: ClassVar[str] = "saved"
    step: int
    result: ResultKind | Literal["snapshot"]
    path: str


@dataclass(frozen=True)
class Warning_(Event):
    """A problem that does not end the run."""

    kind: ClassVar[str] = "warning"
    message: str


@dataclass(frozen=True)
class Error(Event):
    """The run failed; `message` says what happened and what to change. The last event of a run."""

    kind: ClassVar[str] = "error"
    message: str


@dataclass(frozen=True)
class Done(Event):
    """The run ended after `step` steps, at its last step or by the command stop. The last event of a run."""

    kind: ClassVar[str] = "done"
    step: int
    outcome: Literal["finished", "stopped"]


Command = Literal["stop", "save", "sample", "pause", "resume"]
COMMANDS: tuple[Command, ...] = get_args(Command)

_EVENTS: dict[str, type[Event]] = {
    event.kind: event for event in (Phase, Step, Evaluation, Sample, Saved, Warning_, Error, Done)
}

FORMER_NAMES = {"artefact": "result"}
"""Today's names of fields by those of earlier versions."""


def with_current_names(content: dict[str, Any]) -> dict[str, Any]:
    """The content of an event's line with today's field names: runs of earlier versions have older ones."""
    return {FORMER_NAMES.get(name, name): value for name, value in content.items()}


def parse_event(content: dict[str, Any]) -> Event:
    """The event of one line; fields that this version does not know are ignored.

    Raises:
        ValueError: an unknown kind, or a field is missing.
    """
    content = with_current_names(content)
    event = _EVENTS.get(content.get("kind", ""))
    if event is None:
        raise ValueError(f"{content.get('kind')!r} is not a kind of event")
    known = {entry.name: _number(content[entry.name], entry.type) for entry in fields(event) if entry.name in content}
    try:
        return event(**known)
    except TypeError as error:
        raise ValueError(f"incomplete event: {error}") from error


def _number(value: Any, written_type: object) -> Any:
    """Numbers that JSON cannot hold are written as text (see `json_lines`)."""
    return float(value) if isinstance(value, str) and str(written_type).startswith("float") else value


class EventLog:
    """The worker's end of the events file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, event: Event) -> None:
        """Write one event. Raises UserError if there is no space left."""
        append_line(self.path, {"kind": event.kind, **asdict(event)})


def read_events(path: Path, since: int = 0) -> tuple[list[Event], int]:
    """The events written after byte `since`, and the byte to continue from; other lines are skipped."""
    contents, position = read_lines(path, since)
    events: list[Event] = []
    for content in contents:
        try:
            events.append(parse_event(content))
        except ValueError:
            continue
    return events, position


def send_command(path: Path, name: Command) -> None:
    """Append a command for the worker to the commands file `path`."""
    append_line(path, {"command": name, "time": time.time()})


class CommandReader:
    """The worker's end of the commands file `path`: each command is returned once, in the order it was sent.

    Commands sent before the Unix timestamp `after` were for an earlier worker of the run and are skipped.
    """

    def __init__(self, path: Path, after: float = 0.0) -> None:
        self.path = path
        self._after = after
        self._position = 0

    def new(self) -> list[Command]:
        """The commands since the last call; unknown ones are skipped."""
        contents, self._position = read_lines(self.path, self._position)
        return [c["command"] for c in contents if c.get("command") in COMMANDS and c.get("time", 0) >= self._after]
