"""Where a run saves its results."""

from __future__ import annotations

import glob
from pathlib import Path, PureWindowsPath

from ...errors import UserError
from ...methods import method_class
from ...runs.atomic import is_taken, refuse_unwritable
from ...runs.folder import RunFolder
from ...runs.messages import Saved, read_events
from ...settings.learned_words import result_names
from ...settings.options import Settings


def result_paths(run: RunFolder, settings: Settings, suffix: str = "") -> list[Path]:
    """The paths of a run's results, one or one for each new word, or with a suffix those of intermediate ones."""
    inner = PureWindowsPath(settings.output.subfolder).parts  # which takes both slashes for one
    folder = Path(settings.output.folder or run.output, *inner)
    ending = method_class(settings.method).ending(settings)
    return [folder / f"{name}{suffix}{ending}" for name in result_names(settings)]


def refuse_place(run: RunFolder, settings: Settings) -> None:
    """Raise UserError if the result cannot be written, or would replace a file of another run or its base."""
    paths = result_paths(run, settings)
    refuse_unwritable(paths[0])
    has_saved = any(isinstance(event, Saved) for event in read_events(run.events)[0])
    if not settings.output.folder or has_saved:  # then the names are the run's own
        return
    for path in paths:
        _refuse_taken(path, settings)


def _refuse_taken(path: Path, settings: Settings) -> None:
    beside = [path.with_suffix(".yaml")] if settings.result_kind() == "checkpoint" else []
    intermediate = path.parent.glob(f"{glob.escape(path.stem)}-step[0-9]*{path.suffix}")
    for file in (path, *beside, *intermediate):
        if is_taken(file):
            option = "output.name" if path.stem == settings.output.name else "concepts.word_file"
            raise UserError(f"{file} already exists: change {option}, or move that file.")
