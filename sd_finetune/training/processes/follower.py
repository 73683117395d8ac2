"""A process of a run that is not the first: it prepares the same, and does its share of each step that it is told."""

from __future__ import annotations

import threading
import traceback
from pathlib import Path

from ...optimizers.build import set_learning_rates
from ...runs.folder import RunFolder
from ...runs.meeting import Meeting
from ...runs.messages import CommandReader, Event, EventLog
from ..failures import cause_of
from ..loop import learn
from ..orders import Orders, ProcessLost, nobody_asks
from ..prior.class_run import generate_missing_class_images
from ..setup import prepare
from ..shares import stop_part
from ..state import Training
from .group import Group
from .others import LOST
from .processes import Processes


class Silent(EventLog):
    """Nobody reads what this process would tell."""

    def append(self, event: Event) -> None:
        """Told by the first process."""


def follow(
    run: RunFolder, resume: bool, only_class_images: bool, weights: Path | None, meeting: Meeting, number: int
) -> int:
    """Do the part of process `number` in a run; it is ended from outside. Returns the exit code where it fails."""
    try:
        processes = Group(meeting, number, run.read_settings().train.devices)
        if only_class_images:
            _generate_class_images(run, weights, processes)
        else:
            orders = Orders(CommandReader(meeting.folder / "commands"))  # where there are none
            training = prepare(run, resume, weights, orders, Silent(run.events), processes)
            while True:
                do_step(training)
    except ProcessLost:
        traceback.print_exc()
        meeting.lost(number).touch()
        return LOST
    except Exception as error:
        traceback.print_exc()
        meeting.sentence(number).write_text(cause_of(error, run), encoding="utf-8")
        return 1
    threading.Event().wait()  # until the first process ends
    return 0


def do_step(training: Training) -> None:
    """Do the share of the next step that the first process begins. Raises ProcessLost when that has ended."""
    step, factors, parts_that_stay = training.processes.told()
    for part in parts_that_stay:
        if part not in training.parts_that_stay:
            stop_part(training, part)
    set_learning_rates(training.optimizer, training.settings.optimizer.name, factors)
    learn(training, step)


def _generate_class_images(run: RunFolder, weights: Path | None, processes: Processes) -> None:
    generate_missing_class_images(
        run.read_settings(), run.path.parent, lambda event: None, weights, nobody_asks, processes
    )
