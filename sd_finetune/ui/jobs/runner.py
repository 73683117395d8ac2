"""Does one thing at a time for the page: trains, draws class pictures, or draws with a result."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...errors import UserError
from ...hosts.host import Host, Kind
from ...runs.folder import RunFolder
from ...runs.follow import Worker, follow, last_line
from ...runs.launch import kill_worker
from ...runs.messages import Done, Error, EventLog, Phase, Saved, read_events, send_command
from ...runs.worker_process import FoundWorker, note_of, note_worker, noted_worker

JobKind = Literal["train", "class images", "draw"]
WORDS: dict[JobKind, str] = {
    "train": "being trained", "class images": "getting class pictures", "draw": "drawing"
}  # fmt: skip

KIND_OF_FOLDER: dict[str, JobKind] = {"runs": "train", "class-picture-runs": "class images", "drawn": "draw"}
"""Where in a model's folder workers are found again, and what they do there."""
WAITING = "waiting for its turn"
MOST_BYTES_OF_WAITING = 4096
"""Of the events of a job that never began, so that long runs are not read again at each start."""
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Job:
    """What is to be done for a model, in a folder of its own with events; `launch` gets the base's weights."""

    kind: JobKind
    model: str
    run: RunFolder
    checkpoint: Path
    launch: Callable[[Path], subprocess.Popen[bytes]]


class Runner:
    """The one job of this server. A thread of its own follows it, so no page needs to be open.

    Args:
        models: the folder of models, in which workers that an earlier server left are found again.
    """

    def __init__(self, host: Host, models: Path) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._unwanted = False
        self._worker: FoundWorker | subprocess.Popen[bytes] | None = None
        for folder in KIND_OF_FOLDER:
            for note in sorted(models.glob(f"*/{folder}/*/worker.json")):
                self._adopt(RunFolder(note.parent))
            for events in sorted(models.glob(f"*/{folder}/*/events.jsonl")):
                _end_what_never_began(RunFolder(events.parent))

    def current(self) -> Job | None:
        """What is being done."""
        return self._job

    def start(self, make: Callable[[], Job]) -> Job:
        """Make the job and begin it, unless there is one: of two presses at once, one starts a run.

        Raises:
            UserError: something is being done already; or what `make` raises.
        """
        with self._lock:
            if self._job is not None:
                doing = f'"{self._job.model}" is {WORDS[self._job.kind]}'
                raise UserError(f"One thing at a time, and {doing}: wait until it is done, or stop it.")
            job = make()
            EventLog(job.run.events).append(Phase(name=WAITING, done=0, total=1))
            self._job, self._unwanted = job, False
        since = job.run.events.stat().st_size
        threading.Thread(target=self._do, args=(job, since), name="sd-finetune", daemon=True).start()
        return job

    def kill(self) -> None:
        """End what is being done at once, without saving; what has no worker yet gets none."""
        self._unwanted = True
        if isinstance(self._worker, FoundWorker):
            self._worker.kill()
        elif self._worker is not None:
            kill_worker(self._worker)

    def _do(self, job: Job, since: int) -> None:
        made: set[Kind] = set()
        try:
            with self._host.lend(job.checkpoint, job.run) as weights:
                if self._unwanted:
                    raise UserError("It was ended before it began.")
                self._worker = job.launch(weights)
                if self._unwanted:
                    self.kill()
                made = self._see(job, self._worker, since)
                self._worker.wait()
        except Exception as error:  # nobody else would see it: the thread is the screen's
            problem = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            EventLog(job.run.events).append(Error(problem))
        finally:
            self._end(job, made)

    def _see(self, job: Job, worker: subprocess.Popen[bytes], since: int) -> set[Kind]:
        """See the worker to its end; the kinds of files that were made."""
        note_worker(job.run, worker.pid, since)
        if job.kind == "draw":
            worker.wait()
            end = f"Drawing ended with exit code {worker.returncode}: {job.run.log} holds all that it said."
            return _judge_drawing(job.run, worker.returncode == 0, last_line(job.run.log) or end)
        return self._follow(job, worker, since)

    def _follow(self, job: Job, worker: Worker, since: int) -> set[Kind]:
        """Follow to the end; the kinds of files that were made."""
        made: set[Kind] = set()
        stopped = False
        for event in follow(job.run, worker, since=since):
            self._host.show(event, job.run)
            if isinstance(event, Saved) and event.artefact != "snapshot":
                made.add(event.artefact)
            if not stopped and self._host.asked_to_stop():
                send_command(job.run.commands, "stop")
                stopped = True
        return made

    def _end(self, job: Job, made: set[Kind]) -> None:
        note_of(job.run).unlink(missing_ok=True)
        for kind in made:
            self._host.refresh(kind)
        self._worker = None
        self._job = None

    def _adopt(self, run: RunFolder) -> None:
        """Follow a worker that an earlier server has started; one that died meanwhile gets its last word."""
        worker = noted_worker(run)
        if worker is None:
            return
        kind = KIND_OF_FOLDER[run.path.parent.name]
        job = Job(kind, run.path.parents[1].name, run, Path(), lambda _: _not_again())
        if worker.poll() is None and self._job is None:
            self._job, self._worker = job, worker
            threading.Thread(target=self._finish, args=(job, worker), name="sd-finetune", daemon=True).start()
        elif worker.poll() is not None:
            self._see_found(job, worker)
            note_of(run).unlink(missing_ok=True)

    def _finish(self, job: Job, worker: FoundWorker) -> None:
        made: set[Kind] = set()
        try:
            made = self._see_found(job, worker)
        finally:
            self._end(job, made)

    def _see_found(self, job: Job, worker: FoundWorker) -> set[Kind]:
        """As `_see`, of a worker whose exit code nobody can tell: a drawing is judged by its pictures."""
        if job.kind != "draw":
            return self._follow(job, worker, worker.since)
        while worker.poll() is None:
            time.sleep(LOOK_SECONDS)
        wanted = json.loads((job.run.path / "request.json").read_text(encoding="utf-8"))["count"]
        made = len(list(job.run.path.glob("*.png")))
        end = f"Drawing ended after {made} of {wanted} pictures: draw again, or see {job.run.log} for what it said."
        return _judge_drawing(job.run, made >= wanted, end)


def _judge_drawing(run: RunFolder, well: bool, fault: str) -> set[Kind]:
    """The last word of a command that has none of its own; it makes no results."""
    EventLog(run.events).append(Done(step=0, outcome="finished") if well else Error(fault))
    return set()


def _end_what_never_began(run: RunFolder) -> None:
    """What still waited for its turn when its server ended has nobody any more who would begin it."""
    if run.events.stat().st_size > MOST_BYTES_OF_WAITING:
        return
    events, _ = read_events(run.events)
    if events and isinstance(events[-1], Phase) and events[-1].name == WAITING and not note_of(run).exists():
        EventLog(run.events).append(Error("The server ended before this began: start it again."))


def _not_again() -> subprocess.Popen[bytes]:
    raise AssertionError("a worker that was found runs already")
