"""Where a run's results go, and whether they can."""

from __future__ import annotations

import glob
from pathlib import Path

from ...errors import UserError
from ...methods import method_class
from ...runs.atomic import is_taken, refuse_unwritable
from ...runs.folder import RunFolder
from ...runs.messages import Saved, read_events
from ...settings.options import Settings


def artefact_path(run: RunFolder, settings: Settings, suffix: str = "") -> Path:
    """Where a run's result goes, or with a suffix to its name one that is made on the way."""
    folder = Path(settings.output.folder or run.output)
    return folder / f"{settings.output.name}{suffix}{method_class(settings.method).ending(settings)}"


def refuse_place(run: RunFolder, settings: Settings) -> None:
    """Raise UserError if the result cannot be written, or only over a file of another run or this one's own base."""
    path = artefact_path(run, settings)
    refuse_unwritable(path)
    has_saved = any(isinstance(event, Saved) for event in read_events(run.events)[0])
    if not settings.output.folder or has_saved:  # then the names are the run's own
        return
    beside = [path.with_suffix(".yaml")] if settings.artefact() == "checkpoint" else []
    on_the_way = path.parent.glob(f"{glob.escape(path.stem)}-step[0-9]*{path.suffix}")
    for file in (path, *beside, *on_the_way):
        if is_taken(file):
            raise UserError(f"{file} exists already: give output.name another name, or move that file away first.")
