"""The folder in which the processes of a run on several devices meet, among this machine's temporary files.

Each process holds a file of it from when it has come until it ends, however it ends. So everyone sees who is there
still, whoever has started it. As soon as the first lets go of its file, the others end.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from .file_lock import Hold, hold, is_held

_PREFIX = "sd-finetune-meeting-"


class Meeting:
    """What is in such a folder; processes are named by their numbers, the first is 0."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def store(self) -> Path:
        """What torch.distributed finds the processes by."""
        return self.folder / "processes"

    def log(self, number: int) -> Path:
        """Where a process prints to."""
        return self.folder / f"process-{number}.log"

    def sentence(self, number: int) -> Path:
        """Where a process leaves the sentence about its error, to which the first one adds what is kept of the run."""
        return self.folder / f"error-{number}.txt"

    def lost(self, number: int) -> Path:
        """What a process leaves that ends for want of another."""
        return self.folder / f"lost-{number}"

    def come(self, number: int) -> Hold | None:
        """Be here as a process of the run; None where that has come already, or the meeting is over.

        Only the first one releases it: then the meeting is over, and no longer seems to have been left by a kill.
        """
        try:
            return hold(self._lock(number))
        except OSError:
            return None

    def process(self, number: int) -> int | None:
        """The process that has come with this number, though it may have ended since; None until one has."""
        try:  # a file is filled as soon as it is held
            noted = self._lock(number).read_text(encoding="utf-8")
            return int(noted) if noted else None
        except (OSError, ValueError):
            return None

    def is_here(self, number: int) -> bool:
        """Whether a process has come that has not ended, as far as can be told."""
        try:
            return is_held(self._lock(number))
        except OSError:  # such as too many open files, which says nothing about the other one
            return True

    def remove(self) -> None:
        """It is over."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _lock(self, number: int) -> Path:
        return self.folder / f"process-{number}.lock"


def new_meeting() -> Meeting:
    """One to which nobody has come yet."""
    return Meeting(Path(tempfile.mkdtemp(prefix=_PREFIX)))


def remove_old_meetings() -> None:
    """Remove those whose first process was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        meeting = Meeting(folder)
        if meeting.process(0) is not None and not meeting.is_here(0):
            meeting.remove()
