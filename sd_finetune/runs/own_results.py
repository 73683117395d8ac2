"""Which results are still a run's own: another run can be given the same folder and name.

what_is_at(path) -> what a file or folder is known again by, as the event `Saved` notes it
OwnResults(run).place_for(path, endings) -> the path to save under, which replaces nothing of anybody else
saving_in(run, folders): no other run saves there meanwhile
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .atomic import is_taken
from .file_lock import hold
from .folder import RunFolder
from .messages import Saved, read_events

SAME_SECONDS = 2.0
"""By which the time of a file may differ from what was noted: some disks keep even seconds only."""
SAME_CLOCK_SECONDS = 60.0
"""By which a file that was not noted may be later than the event about it: the clock can be that of a server."""
PATIENCE_SECONDS = 300.0
"""How long one waits for another run that saves; the largest checkpoints take minutes on a slow disk."""


@dataclass(frozen=True)
class Known:
    """size: in bytes, of a folder that of its files. modified: in Unix seconds, of a folder its latest file's."""

    size: int
    modified: float


def what_is_at(path: Path) -> Known | None:
    """None if nothing is there, or it cannot be looked at."""
    try:
        looks = [path.stat()]
        if path.is_dir():
            looks = [file.stat() for file in path.rglob("*") if file.is_file()]
    except OSError:
        return None
    return Known(sum(look.st_size for look in looks), max((look.st_mtime for look in looks), default=0.0))


class OwnResults:
    """The results of a run, by what its events tell of them."""

    def __init__(self, run: RunFolder) -> None:
        self._output = run.output
        self.saved = [event for event in read_events(run.events)[0] if isinstance(event, Saved)]

    def place_for(self, path: Path, endings: Sequence[str], others: Sequence[Path] = ()) -> Path:
        """The path, or the same with the first number under which no file is lost that is not the run's own.

        endings: of `path` itself, the first, and of the files that come with it. others: paths to be saved beside it.
        """
        number, place = 1, path
        while not self.may_replace(place, endings) or (place != path and place in others):
            number += 1
            place = numbered(path, endings[0], number)
        return place

    def may_replace(self, path: Path, endings: Sequence[str]) -> bool:
        """Whether each of the files of a result is not there, or what this run saved there last."""
        if self._output in path.parents:  # nobody else saves there
            return True
        event = next((event for event in reversed(self.saved) if Path(event.path) == path), None)
        return all(_is_free_or_of(event, with_ending(path, endings[0], ending), path) for ending in endings)


def _is_free_or_of(event: Saved | None, file: Path, saved: Path) -> bool:
    """Whether a file is not there, or of the event about the one that was `saved`."""
    if not is_taken(file):
        return True
    now = what_is_at(file)
    if event is None or now is None:
        return False
    if file != saved or not event.modified:  # what comes with a result is not noted, nor what earlier versions saved
        return now.modified <= event.time + SAME_CLOCK_SECONDS
    return now.size == event.size and abs(now.modified - event.modified) <= SAME_SECONDS


def with_ending(path: Path, own: str, ending: str) -> Path:
    """The path with another ending than its `own`, which is "" of a folder, whatever dots its name has."""
    return path.with_name(path.name.removesuffix(own) + ending)


def numbered(path: Path, ending: str, number: int) -> Path:
    """As dog-2.safetensors."""
    return path.with_name(f"{path.name.removesuffix(ending)}-{number}{ending}")


def is_named_as(path: Path, other: Path, ending: str) -> bool:
    """Whether the path is the other one, or that with a number."""
    number = path.name.removesuffix(ending).rpartition("-")[2]
    return path == other or (number.isdecimal() and path == numbered(other, ending, int(number)))


@contextmanager
def saving_in(run: RunFolder, folders: Iterable[Path]) -> Generator[None, None, None]:
    """Keep other runs of this machine from saving into these folders while the block runs.

    Minutes may pass between the look whether a name is free and the file under it. Where no lock can be made, or one
    is held for PATIENCE_SECONDS, the block runs without.
    """
    with ExitStack() as held:
        for folder in sorted({folder for folder in folders if run.output not in (folder, *folder.parents)}):
            name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:16]
            with suppress(OSError):
                lock = hold(Path(tempfile.gettempdir(), f"sd-finetune-saving-{name}.lock"), PATIENCE_SECONDS)
                if lock is not None:
                    held.enter_context(lock)
        yield
