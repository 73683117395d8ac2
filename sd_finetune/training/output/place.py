"""Where a run saves its results."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import ceil
from pathlib import Path, PureWindowsPath

from ...errors import UserError
from ...methods import method_class
from ...runs.atomic import is_taken, refuse_unwritable
from ...runs.folder import RunFolder
from ...runs.messages import Saved, read_events
from ...settings.learned_words import result_names
from ...settings.options import Settings
from ...settings.result_name import PLAIN, fields_of, stem_of, stems_of
from ..state import Training


@dataclass(frozen=True)
class Moment:
    """When a result is saved: after how many steps, in which epoch, and whether it is the one at the end."""

    step: int
    epoch: int
    is_final: bool


def moment_of(training: Training, step: int, is_final: bool) -> Moment:
    """Of a result that is saved after `step` steps."""
    return Moment(step, ceil(step / max(1, training.batches.steps_per_epoch)), is_final)


AT_THE_END = Moment(0, 0, True)
"""Where neither step nor epoch matter."""


def result_folder(run: RunFolder, settings: Settings) -> Path:
    """The folder of a run's results."""
    inner = PureWindowsPath(settings.output.subfolder).parts  # which takes both slashes for one
    return Path(settings.output.folder or run.output, *inner)


def result_paths(run: RunFolder, settings: Settings, at: Moment = AT_THE_END) -> list[Path]:
    """The paths of a run's results, one or one for each new word."""
    folder, pattern = result_folder(run, settings), _pattern(settings)
    ending = method_class(settings.method).ending(settings)
    stems = (
        stem_of(pattern, fields_of(settings, name, _date(run)), at.step, at.epoch, at.is_final)
        for name in result_names(settings)
    )
    return [folder / f"{stem}{ending}" for stem in stems]


def _pattern(settings: Settings) -> str:
    """An embedding's file is called as its word, by which prompts of the WebUI know it."""
    return PLAIN if settings.learns_word() else settings.output.name_pattern


def _date(run: RunFolder) -> str:
    """The day on which the run was made, as in 2026-11-27."""
    try:
        made = run.about.stat().st_mtime
    except OSError:  # it is of an early version, or was taken away
        return datetime.now().date().isoformat()
    return datetime.fromtimestamp(made).date().isoformat()


def refuse_place(run: RunFolder, settings: Settings) -> None:
    """Raise UserError if the result cannot be written, or would replace a file of another run or its base."""
    refuse_unwritable(result_paths(run, settings)[0])
    has_saved = any(isinstance(event, Saved) for event in read_events(run.events)[0])
    if not settings.output.folder or has_saved:  # then the names are the run's own
        return
    for name in result_names(settings):
        _refuse_taken(run, settings, name)


def _refuse_taken(run: RunFolder, settings: Settings, name: str) -> None:
    """By files of any step: which steps the run will save at is not known yet."""
    folder, ending = result_folder(run, settings), method_class(settings.method).ending(settings)
    endings = {ending, ".yaml"} if settings.result_kind() == "checkpoint" and ending else {ending}
    stems = stems_of(_pattern(settings), fields_of(settings, name, _date(run)))
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        for own in endings:
            if file.name.endswith(own) and stems.fullmatch(file.name.removesuffix(own)) and is_taken(file):
                option = "output.name" if name == settings.output.name else "concepts.word_file"
                raise UserError(f"{file} already exists: change {option}, or move that file.")
