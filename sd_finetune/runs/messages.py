"""What a worker tells (events) and is told (commands): one JSON object a line, only ever appended."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from ..settings.methods import ResultKind
from .json_lines import append_line, read_lines


@dataclass(frozen=True)
class Event:
    """What all events have: a `kind`, and the `time` in unix seconds."""

    kind: ClassVar[str]
    time: float = field(default_factory=time.time, kw_only=True)


@dataclass(frozen=True)
class Phase(Event):
    """What the worker is at (loading, class images, caching, training, saving ...), `done` of `total` parts of it."""

    kind: ClassVar[str] = "phase"
    name: str
    done: int
    total: int


@dataclass(frozen=True)
class Step(Event):
    """One optimizer step; losses are means over its pictures, `prior_loss` is None without a prior."""

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
    """The loss on fixed pictures, noise and timesteps after `step` steps."""

    kind: ClassVar[str] = "evaluation"
    step: int
    loss: float


@dataclass(frozen=True)
class Sample(Event):
    """A picture drawn after `step` steps; `file` is relative to the run folder."""

    kind: ClassVar[str] = "sample"
    step: int
    file: str
    prompt: str
    seed: int


@dataclass(frozen=True)
class Saved(Event):
    """A finished file (or snapshot folder) at `path`."""

    kind: ClassVar[str] = "saved"
    step: int
    artefact: ResultKind | Literal["snapshot"]
    path: str


@dataclass(frozen=True)
class Warning_(Event):
    """Something worth knowing that does not end the run."""

    kind: ClassVar[str] = "warning"
    message: str


@dataclass(frozen=True)
class Error(Event):
    """The run has failed; `message` says what happened and what to change. The last event of a run."""

    kind: ClassVar[str] = "error"
    message: str


@dataclass(frozen=True)
class Done(Event):
    """The run has ended well after `step` steps, by itself or by the command stop. The last event of a run."""

    kind: ClassVar[str] = "done"
    step: int
    outcome: Literal["finished", "stopped"]


Command = Literal["stop", "save", "sample", "pause", "resume"]
COMMANDS: tuple[Command, ...] = get_args(Command)

_EVENTS: dict[str, type[Event]] = {
    event.kind: event for event in (Phase, Step, Evaluation, Sample, Saved, Warning_, Error, Done)
}


def parse_event(content: dict[str, Any]) -> Event:
    """The event of one line; fields that this version does not know are left out.

    Raises:
        ValueError: an unknown kind, or a field is missing.
    """
    event = _EVENTS.get(content.get("kind", ""))
    if event is None:
        raise ValueError(f"{content.get('kind')!r} is no kind of event")
    known = {entry.name: _number(content[entry.name], entry.type) for entry in fields(event) if entry.name in content}
    try:
        return event(**known)
    except TypeError as error:
        raise ValueError(f"incomplete event: {error}") from error


def _number(value: Any, written_type: object) -> Any:
    """Numbers that JSON cannot hold are written as text (see `lines`)."""
    return float(value) if isinstance(value, str) and str(written_type).startswith("float") else value


class EventLog:
    """The worker's end of the events file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, event: Event) -> None:
        """Write one event. Raises UserError if there is no space left."""
        append_line(self.path, {"kind": event.kind, **asdict(event)})


def read_events(path: Path, since: int = 0) -> tuple[list[Event], int]:
    """The events written after byte `since`, and the byte to go on from; lines that are no events are left out."""
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
    """The worker's end of the commands file `path`: each command is handed out once, in the order it was sent.

    Commands sent before the unix time `after` belong to an earlier run in the same folder and are left out.
    """

    def __init__(self, path: Path, after: float = 0.0) -> None:
        self.path = path
        self._after = after
        self._position = 0

    def new(self) -> list[Command]:
        """The commands that came since the last call; unknown ones are left out."""
        contents, self._position = read_lines(self.path, self._position)
        return [c["command"] for c in contents if c.get("command") in COMMANDS and c.get("time", 0) >= self._after]
