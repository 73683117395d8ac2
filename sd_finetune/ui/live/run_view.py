"""What the page shows of a run, kept up to date from its events; ask for what is new since N events."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, get_args

from ...reading.diffusers_folder import is_model
from ...runs.folder import RunFolder
from ...runs.json_lines import read_lines
from ...runs.messages import KINDS, parse_event, with_current_names
from ...runs.worker_process import noted_worker
from ...settings.methods import ResultKind
from .curve import Curve

TRAINING = "training"
"""The phase in which steps are taken."""
RESULT_KINDS: tuple[ResultKind, ...] = get_args(ResultKind)
LOSSES = ("loss", "instance_loss", "prior_loss")
PIECE_BYTES = 64 * 1024
"""Read at a time, far longer than any line."""
READING_SECONDS = 0.008
KEPT = 2000
"""Of samples, warnings and saved files; the oldest go first."""


class RunView:
    """One run. `status` may be called from several threads."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self._lock = threading.Lock()
        self._forget()

    def status(self, since: int) -> dict[str, Any]:
        """All that changed after the first `since` events.

        `since` of the answer is what to ask with next; `more`: there are events left to read, ask again at once;
        `reset`: throw away curves that came before. Reads for some milliseconds only, however long the file is.
        """
        with self._lock:
            more = self._read()
            if since > self._serial:
                since = 0
            reset = since == 0 or self._curve.rebuilt > since or self._evaluations.rebuilt > since
            curves_since = 0 if reset else since
            return {
                "run": self.run.path.name,
                "since": self._serial,
                "more": more,
                "reset": reset,
                "stride": self._curve.stride,
                "evaluation_stride": self._evaluations.stride,
                "state": self._state,
                "phase": self._phase,
                "step": self._step,
                "rates": self._rates,
                "points": self._curve.since(curves_since),
                "evaluations": self._evaluations.since(curves_since),
                "samples": _new(self._samples, curves_since),
                "saved": _new(self._saved, curves_since),
                "warnings": _new(self._warnings, curves_since),
                "end": self._end,
                "asked": self._asked(),
            }

    def stamp(self) -> tuple[int, ...]:
        """Another one after each change of what `status` is made of."""
        return tuple(each for path in (self.run.events, self.run.commands, self.run.snapshots) for each in _stamp(path))

    def phase(self) -> dict[str, Any] | None:
        """What the run is at: `name`, `done`, `total`."""
        with self._lock:
            self._read()
            return self._phase

    def end(self) -> dict[str, Any]:
        """How the run ended, its last event; empty if it has not."""
        with self._lock:
            while self._read():
                pass
            return self._end or {}

    def results(self) -> list[dict[str, Any]]:
        """The files that were saved, each once and without snapshots, the latest last; all events are read first.

        A run that goes on after it was stopped saves its result again, under the same name. Of earlier steps those are
        left out that are gone, as the settings keep only the latest.
        """
        with self._lock:
            while self._read():
                pass
            latest = {entry["path"]: entry for entry in self._saved if entry["result"] in RESULT_KINDS}
            in_order = sorted(latest.values(), key=lambda entry: entry["serial"])
            return [entry for entry in in_order if entry is in_order[-1] or is_model(Path(entry["path"]))]

    def _forget(self) -> None:
        self._position = 0
        self._serial = 0
        self._state = "starting"
        self._phase: dict[str, Any] | None = None
        self._step: dict[str, Any] | None = None
        self._end: dict[str, Any] | None = None
        self._rates: list[str] = []
        self._curve = Curve()
        self._evaluations = Curve()
        self._samples: list[dict[str, Any]] = []
        self._saved: list[dict[str, Any]] = []
        self._warnings: list[dict[str, Any]] = []
        self._damaged = False

    def _read(self) -> bool:
        """Take in new events for some milliseconds; whether there are more."""
        until = time.monotonic() + READING_SECONDS
        while time.monotonic() < until:
            events, position = read_lines(self.run.events, self._position, PIECE_BYTES)
            if position == self._position:
                return False
            self._position = position
            for event in events:
                self._serial += 1
                self._take_if_whole(with_current_names(event))
        return True

    def _take_if_whole(self, event: dict[str, Any]) -> None:
        """What a damaged file has in place of an event is told once and then left out."""
        try:
            parse_event(event)
        except ValueError:
            kind = event.get("kind")
            is_of_later_version = isinstance(kind, str) and kind not in KINDS
            if not self._damaged and not is_of_later_version:
                self._damaged = True
                sentence = f"{self.run.events} is damaged: what is missing here cannot be read any more."
                self._take({"kind": "warning", "time": 0.0, "message": sentence})
        else:
            self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.get("kind")
        event["serial"] = self._serial
        if kind == "step":
            self._take_step(event)
        elif kind == "phase":
            self._state, self._phase, self._end = "running", event, None
        elif kind == "evaluation":
            self._evaluations.add(int(event["step"]), [_number(event["loss"])], self._serial)
        elif kind in ("done", "error"):
            self._state = "failed" if kind == "error" else event["outcome"]
            self._end = event
        else:
            kept = {"sample": self._samples, "saved": self._saved, "warning": self._warnings}.get(str(kind))
            if kept is not None:
                kept.append(event)
                del kept[:-KEPT]

    def _take_step(self, event: dict[str, Any]) -> None:
        if self._step is None:
            self._rates = list(event["learning_rates"])
        self._state, self._step, self._end = "running", event, None
        known = {name: event[name] for name in ("time", "serial")}
        # A worker that saves, say, does not tell when it is done with that, but takes the next step.
        self._phase = {"name": TRAINING, "done": event["step"], "total": event["total_steps"], **known}
        values = [_number(event.get(name)) for name in LOSSES]
        values += [_number(event["learning_rates"].get(name)) for name in self._rates]
        self._curve.add(int(event["step"]), values, self._serial)

    def _asked(self) -> str:
        """ "stop" or "pause" while the run follows that command, or is about to."""
        if self._end is not None:
            return ""
        worker = noted_worker(self.run)
        sent = read_lines(self.run.commands, worker.commands_since)[0] if worker else []
        names = [c.get("command") for c in sent if c.get("command") in ("stop", "pause", "resume")]
        return "stop" if "stop" in names else "pause" if names and names[-1] == "pause" else ""


class Views:
    """The views of all runs that were looked at, so that each file of events is read once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._views: dict[Path, RunView] = {}

    def of(self, run: RunFolder) -> RunView:
        """The view of a run."""
        with self._lock:
            return self._views.setdefault(run.path, RunView(run))

    def forget(self, folder: Path) -> None:
        """A folder was deleted: so are the views of what was in it."""
        with self._lock:
            self._views = {path: view for path, view in self._views.items() if folder not in path.parents}


def _number(value: Any) -> float | None:
    """Numbers that JSON cannot hold are written as text, and cannot be drawn either."""
    return value if isinstance(value, (int, float)) else None


def _stamp(path: Path) -> tuple[int, int]:
    try:
        facts = path.stat()
    except OSError:
        return (0, 0)
    return (facts.st_size, facts.st_mtime_ns)


def _new(entries: list[dict[str, Any]], since: int) -> list[dict[str, Any]]:
    return [entry for entry in entries if entry["serial"] > since]
