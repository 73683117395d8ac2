"""Waiting for room at the end of a run, when neither the result nor a snapshot can be written."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from ...errors import CannotWriteError
from ...formats.tensor_file import FILE_DTYPES
from ...runs.messages import Phase
from ...runs.result_paths import result_paths
from ..state import Training
from .moment import moment_of

POLL_SECONDS = 0.5
"""Between two looks at what the run is told."""
RETRY_SECONDS, LONGEST_SECONDS = 5.0, 60.0
"""Between two tries, where there seems to be room, and where there does not: a quota is not seen."""
SPARE_BYTES = 10**6
"""For what comes with the tensors, such as metadata."""


def is_for_lack_of_room(error: BaseException) -> bool:
    """Whether a file could not be written because the disk is full, and not because of its place."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)


def bytes_of_result(training: Training) -> int:
    """About what the result takes on disk."""
    size = FILE_DTYPES[training.settings.output.precision].itemsize
    trained = sum(value.numel() * size for value in training.method.trained_tensors().values())
    if training.settings.result_kind() != "checkpoint":
        return trained + SPARE_BYTES
    parts = {name.partition(".")[0] for name in training.method.trained_tensors()}
    names = {place.name for part in parts for place in training.base.places[part].values()}
    rest = sum(v.numel() * v.element_size() for name, v in training.base.tensors.items() if name not in names)
    return trained + rest + SPARE_BYTES


def wait_for_room(training: Training, error: CannotWriteError, is_stopped: Callable[[], bool]) -> bool:
    """Wait until it is worth to try again what failed with `error`; False if the run was told to stop before.

    A phase says what is waited for, how much room it needs, and where.
    """
    path, needed, said = _path(training), bytes_of_result(training), ""
    since = time.monotonic()
    while not is_stopped():
        free, waited = _free_bytes(path), time.monotonic() - since
        words = _words(path, needed, free, error)
        if words != said:
            training.events.append(Phase(name=words, done=0, total=1))
            said = words
        there_is_room = not is_for_lack_of_room(error) or free >= needed
        if waited >= (RETRY_SECONDS if there_is_room else LONGEST_SECONDS):
            return True
        time.sleep(POLL_SECONDS)
    return False


def _path(training: Training) -> Path:
    return result_paths(training.run, training.settings, moment_of(training, training.step, is_final=True))[0]


def _words(path: Path, needed: int, free: int, error: CannotWriteError) -> str:
    if is_for_lack_of_room(error):
        return f"waiting for {needed / 1e9:.2f} GB of free space in {path.parent}, where {free / 1e9:.2f} GB are free"
    return f"waiting until {path} can be written"


def _free_bytes(path: Path) -> int:
    """On the disk of a file that may not exist; 0 if that is unknown."""
    for folder in path.parents:
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return 0
