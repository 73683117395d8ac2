"""Where a run saves its results."""

from __future__ import annotations

import glob
from pathlib import Path

from ...errors import UserError
from ...methods import method_class
from ...runs.atomic import is_taken, refuse_unwritable
from ...runs.folder import RunFolder
from ...runs.messages import Saved, read_events
from ...settings.options import Settings


def result_path(run: RunFolder, settings: Settings, suffix: str = "") -> Path:
    """The path of a run's result, or with a suffix that of an intermediate one."""
    folder = Path(settings.output.folder or run.output)
    return folder / f"{settings.output.name}{suffix}{method_class(settings.method).ending(settings)}"


def refuse_place(run: RunFolder, settings: Settings) -> None:
    """Raise UserError if the result cannot be written, or would replace a file of another run or its base."""
    path = result_path(run, settings)
    refuse_unwritable(path)
    has_saved = any(isinstance(event, Saved) for event in read_events(run.events)[0])
    if not settings.output.folder or has_saved:  # then the names are the run's own
        return
    beside = [path.with_suffix(".yaml")] if settings.result_kind() == "checkpoint" else []
    intermediate = path.parent.glob(f"{glob.escape(path.stem)}-step[0-9]*{path.suffix}")
    for file in (path, *beside, *intermediate):
        if is_taken(file):
            raise UserError(f"{file} already exists: change output.name, or move that file.")
