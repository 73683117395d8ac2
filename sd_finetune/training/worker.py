"""Does a run, from the settings in its folder to its last event; any failure becomes an error event."""

from __future__ import annotations

import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

from ..errors import UserError
from ..runs.folder import RunFolder
from ..runs.launched import refuse_another_number
from ..runs.messages import Done, Error, EventLog
from ..runs.unfinished import remove_leftovers_of_runs
from .device import refuse_devices
from .failures import sentence_about
from .loop import train
from .orders import Orders, ProcessLost, StopAsked, ended_early, orders_of
from .output.snapshots import remove_snapshots
from .prior.class_run import generate_missing_class_images
from .processes.others import Others, unless_one_has_failed
from .processes.processes import ALONE, Processes
from .rate_trial import try_rates
from .setup import prepare

LONGEST_SECONDS_TO_TELL = 600
"""That a worker which is done stays for its last event to be written."""


def work(
    run_dir: Path,
    resume: bool,
    only_class_images: bool = False,
    weights: Path | None = None,
    orders: Orders | None = None,
    only_rates: bool = False,
    others: Others | None = None,
) -> int:
    """Do the run, or only generate its missing class images, or only try learning rates.

    `weights` and `orders` as in `setup.prepare`. others: the run's other processes, if it has any; they are ended.

    Returns the exit code: 0 finished or stopped, 1 failed (the traceback is in the log).
    """
    run = RunFolder(run_dir)
    events = EventLog(run.events)
    orders = orders or orders_of(run)
    remove_leftovers_of_runs(run.path.parent)
    try:
        processes = _joined(run, others)
        if only_class_images:
            outcome: Done | Error = _generate_class_images(run, weights, orders, events, processes)
        else:
            training = prepare(run, resume, weights, orders, events, processes)
            outcome = try_rates(training) if only_rates else train(training)
    except StopAsked:
        outcome = ended_early(run, orders)
    except ProcessLost:
        traceback.print_exc()  # of what failed between the processes, which may be the cause itself
        assert others
        outcome = others.error()
    except Exception as error:
        with suppress(MemoryError):
            traceback.print_exc()
        outcome = Error(message=sentence_about(error, run))
    orders.settle()
    if isinstance(outcome, Done) and outcome.outcome == "stopped":
        outcome = unless_one_has_failed(outcome, others)
    if others:
        others.end()
    if _is_told(events, outcome) and isinstance(outcome, Done) and outcome.outcome == "finished":
        _tidy(run)
    return 0 if isinstance(outcome, Done) else 1


def _is_told(events: EventLog, outcome: Done | Error) -> bool:
    """Write the last event, waiting for room for a while where the disk is full; whether it is written."""
    try:
        events.append(outcome)
        for _ in range(LONGEST_SECONDS_TO_TELL):
            if events.flush():
                return True
            time.sleep(1)
    except UserError as gone:
        print(gone, file=sys.stderr)
        return False
    print(f"{outcome} could not be written to {events.path}.", file=sys.stderr)
    return False


def _tidy(run: RunFolder) -> None:
    """Remove what only a run that is not finished needs."""
    for bank in (run.prior_bank, run.outside_bank):
        with suppress(OSError):  # on a disk that became read-only, or on Windows while it is mapped
            bank.unlink(missing_ok=True)
    if not run.read_settings().snapshots.at_end:
        remove_snapshots(run.snapshots, keep=0)


def _joined(run: RunFolder, others: Others | None) -> Processes:
    """The processes of the run, this one the first."""
    if others is None:
        return ALONE
    settings, launch = run.read_settings(), others.launch
    refuse_devices(settings)
    from .processes.calling import call  # loads torch.distributed
    from .processes.group import Group

    if launch is None:
        return Group(others.meeting, 0, others.count)
    refuse_another_number(settings.train.devices, launch)
    called = call(launch, others.arguments_of)
    others.wait_to_be_called = False
    group = Group(others.meeting, 0, others.count)
    del called  # it is kept until they have come
    return group


def _generate_class_images(
    run: RunFolder, weights: Path | None, orders: Orders, events: EventLog, processes: Processes
) -> Done:
    settings, check = run.read_settings(), orders.check
    generate_missing_class_images(settings, run.path.parent, events.append, weights, check, processes)
    return Done(step=0, outcome="finished")
