"""A job: what a worker or this process does for a project, in a folder of its own with events."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...runs.folder import RunFolder
from ...runs.messages import Event

JobKind = Literal["train", "class images", "generate", "captions", "rates"]
DOING: dict[JobKind, str] = {
    "train": "training", "class images": "generating class images", "generate": "generating images",
    "captions": "captioning images", "rates": "trying learning rates",
}  # fmt: skip
"""What a project with such a job is doing."""


@dataclass(frozen=True)
class Job:
    """What is done for a project. `run` holds its events, of whatever kind it is."""

    kind: JobKind
    project: str
    run: RunFolder


@dataclass(frozen=True)
class NewJob(Job):
    """A job to start: `launch` starts its worker on a file with the weights of `checkpoint`, which the host lends.

    It is also given the byte of the run's commands at which those for this worker begin.
    """

    checkpoint: Path
    launch: Callable[[Path, int], subprocess.Popen[bytes]]


@dataclass(frozen=True)
class OwnJob(Job):
    """A job to do in this process, where the models of the host are, in the host's turn.

    `work` is given where to tell its events, of which the last is Done or Error, and whom to ask whether it shall stop.
    """

    work: Callable[[Callable[[Event], None], Callable[[], bool]], None]
