"""Events of a worker, and commands to it: one JSON object per line, only ever appended."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, cast, get_args

from ..errors import CannotWriteError, UserError
from ..settings.methods import ResultKind
from .atomic import drive_is_gone
from .held import Held
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
class Trial(Event):
    """A step of a trial of learning rates: the one that it was made with, and the evaluation loss after it."""

    kind: ClassVar[str] = "trial"
    step: int
    learning_rate: float
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
    """A result (or snapshot) was saved at `path`; `result` is its kind.

    size, modified: what its file is known again by, as in `own_results.Known`; 0 in runs of earlier versions.
    final: whether the run ended or was stopped with it. Runs of earlier versions do not say so.
    """

    kind: ClassVar[str] = "saved"
    step: int
    result: ResultKind | Literal["snapshot"]
    path: str
    size: int = 0
    modified: float = 0.0
    final: bool = False


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
    """The run ended after `step` steps, at its last step or because it was told to. The last event of a run.

    `reason` says what a person may want to know of it, else it is "".
    """

    kind: ClassVar[str] = "done"
    step: int
    outcome: Literal["finished", "stopped"]
    reason: str = ""


NOBODY_FOLLOWS = "The program that started it has ended, so it stopped"
"""How the reason begins of a run that no person has stopped."""
WAITING, STARTING = "waiting for its turn", "starting"
"""The phases of a job whose worker does not tell anything yet: before and after it got its turn."""

Command = Literal["stop", "save", "sample", "pause", "resume"]
COMMANDS: tuple[Command, ...] = get_args(Command)
END = "end"
"""Noted among the commands where a user ends the worker at once; a worker that is killed cannot follow it."""

_EVENTS: dict[str, type[Event]] = {
    event.kind: event for event in (Phase, Step, Evaluation, Trial, Sample, Saved, Warning_, Error, Done)
}

KINDS = tuple(_EVENTS)

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
    event = _EVENTS.get(str(content.get("kind", "")))
    if event is None:
        raise ValueError(f"{content.get('kind')!r} is not a kind of event")
    types = {entry.name: str(entry.type) for entry in fields(event)}
    try:
        known = {name: _value(content[name], written) for name, written in types.items() if name in content}
        return event(**known)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"incomplete event: {error}") from error


def _value(value: Any, written_type: str) -> Any:
    """The value of a field. Raises ValueError if it is not of the type that is written there."""
    if written_type.startswith("float"):
        if value is None and "None" in written_type:
            return None
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            return float(value)  # numbers that JSON cannot hold are written as text, see `json_lines`
    elif written_type.startswith("dict"):
        if isinstance(value, dict):
            rates = cast("dict[object, object]", value)
            return {str(name): _value(rate, "float") for name, rate in rates.items()}
    elif isinstance(value, {"int": int, "bool": bool}.get(written_type, str)):
        return value
    raise ValueError(f"{value!r} is not of type {written_type}")


class EventLog:
    """The worker's end of the events file. What cannot be written, as on a full disk, is written later."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.listeners: list[Callable[[Event], None]] = []
        """Told of each event after it was written, or put off."""
        self._held: Held[dict[str, Any]] = Held(self._write)

    def append(self, event: Event) -> None:
        """Write one event.

        Raises:
            UserError: the run folder is gone.
        """
        self._held.append({"kind": event.kind, **asdict(event)})
        for listener in self.listeners:
            listener(event)

    def flush(self) -> bool:
        """Write what could not be written before; whether nothing is left."""
        return self._held.flush()

    def _write(self, content: dict[str, Any]) -> None:
        try:
            append_line(self.path, content)
        except CannotWriteError as error:
            if self.path.parent.is_dir() or drive_is_gone(self.path):
                raise
            raise UserError(
                f"The run folder {self.path.parent} is gone: it was removed, renamed or moved while its run went on. "
                "Put it back to resume the run from its latest snapshot, or start a new run."
            ) from error


def read_events(path: Path, since: int = 0) -> tuple[list[Event], int]:
    """The events written after byte `since`, and the byte to continue from; other lines are skipped."""
    contents, position = read_lines(path, since)
    return events_of_lines(contents), position


def events_of_lines(contents: list[dict[str, Any]]) -> list[Event]:
    """The events among the objects of a file's lines; others are skipped."""
    events: list[Event] = []
    for content in contents:
        try:
            events.append(parse_event(content))
        except ValueError:
            continue
    return events


def send_command(path: Path, name: Command) -> None:
    """Append a command for the worker to the commands file `path`."""
    append_line(path, {"command": name, "time": time.time()})


def note_end(path: Path, pid: int) -> None:
    """Note in the commands file that a user ends the worker `pid` at once, before it is killed.

    On a full disk nothing is noted, which is no reason not to end it: then it is told as a worker that was killed.
    """
    with suppress(CannotWriteError):
        append_line(path, {"command": END, "pid": pid, "time": time.time()})


def was_ended(path: Path, pid: int) -> bool:
    """Whether a user has ended the worker `pid` at once."""
    return any(line.get("command") == END and line.get("pid") == pid for line in read_lines(path)[0])


def command_position(path: Path) -> int:
    """The byte of the commands file at which the commands begin that are still to come."""
    return path.stat().st_size if path.is_file() else 0


class CommandReader:
    """The worker's end of the commands file `path`: each command is returned once, in the order it was sent.

    Commands before byte `since` were for an earlier worker of the run and are skipped: their place in the file says
    which is earlier, as a clock may go back.
    """

    def __init__(self, path: Path, since: int = 0) -> None:
        self.path = path
        self._position = min(since, command_position(path))

    def new(self) -> list[Command]:
        """The commands since the last call; unknown ones are skipped."""
        contents, self._position = read_lines(self.path, self._position)
        return [line["command"] for line in contents if line.get("command") in COMMANDS]
