"""Being another process of a run than the first: coming, ending with the first, and imports in between."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ...errors import UserError
from ...runs.file_lock import Hold
from ...runs.folder import RunFolder
from ...runs.launch import seeing_one_gpu
from ...runs.launched import Launch
from ...runs.meeting import Meeting
from ..libraries import libraries_imported
from .others import LOOK_SECONDS, LOST

Parse = Callable[[list[str]], argparse.Namespace]
"""Of the worker's arguments."""


def join_as_started(options: argparse.Namespace) -> int:
    """Do the part of a process that the first one has started; the exit code. options: as of the worker."""
    os.environ.update(seeing_one_gpu(options.process))
    here = _come(options)
    if here is None:
        return LOST
    with libraries_imported():
        return _follow(options)


def join_as_launched(launch: Launch, parse: Parse) -> int:
    """Do the part of a process that a launcher has started, once the first one calls; the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until it is called there is nothing to lose
    os.environ.update(seeing_one_gpu(launch.number))
    with libraries_imported():
        from .calling import called  # loads torch

        try:
            options = parse(called(launch))
        except UserError as error:
            print(error, file=sys.stderr)
            return LOST
        here = _come(options)
        if here is None:
            return LOST
        _print_to(Meeting(options.meeting).log(options.process))
        return _follow(options)


def _come(options: argparse.Namespace) -> Hold | None:
    """Be at the meeting, and end as soon as the first process is no longer; None if it is over.

    What is returned is to be kept until this process ends, and not released: that would look as if it had never come.
    """
    meeting = Meeting(options.meeting)
    here = meeting.come(options.process)
    if here is not None:
        threading.Thread(target=_end_with_the_first, args=(meeting,), name="first process", daemon=True).start()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # the first one is told, and ends this one
    return here


def _end_with_the_first(meeting: Meeting) -> None:
    while meeting.is_here(0):
        time.sleep(LOOK_SECONDS)
    if meeting.process(0) is not None:  # it was killed
        meeting.remove()
    os._exit(0)


def _print_to(log: Path) -> None:
    with log.open("wb") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())


def _follow(options: argparse.Namespace) -> int:
    from .follower import follow  # loads torch

    how = options.resume, options.class_images, options.weights
    return follow(RunFolder(options.run_dir), *how, Meeting(options.meeting), options.process)
