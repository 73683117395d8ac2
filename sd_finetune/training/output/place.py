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
from ...settings.options import Settings
from ...settings.result_files import ResultFile, result_files
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


EMBEDDING_ENDING = ".safetensors"
"""Of embeddings that are saved beside another result."""
CONFIG_ENDING = ".yaml"
"""Of the config beside a checkpoint of one file."""


def result_paths(run: RunFolder, settings: Settings, at: Moment = AT_THE_END) -> list[Path]:
    """The paths of a run's results, in the order of `result_files`."""
    return [_path_of(run, settings, file, at) for file in result_files(settings)]


def files_of_results(run: RunFolder, settings: Settings, at: Moment = AT_THE_END) -> list[Path]:
    """The same, each followed by the config that may stand beside it."""
    files = result_files(settings)
    return [_path_of(run, settings, file, at, ending) for file in files for ending in _endings(settings, file)]


def _path_of(run: RunFolder, settings: Settings, file: ResultFile, at: Moment, ending: str | None = None) -> Path:
    fields = fields_of(settings, file.name, _date(run))
    stem = stem_of(_pattern(settings, file), fields, at.step, at.epoch, at.is_final)
    return _folder_of(run, settings, file) / f"{stem}{_ending_of(settings, file) if ending is None else ending}"


def _folder_of(run: RunFolder, settings: Settings, file: ResultFile) -> Path:
    asked, inner = settings.output, PureWindowsPath(settings.output.subfolder).parts  # which takes both slashes for one
    own = Path(asked.folder or run.output, *inner)
    if file.kind == settings.result_kind():
        return own
    return Path(asked.embeddings_folder, *inner) if asked.embeddings_folder else own / f"{asked.name}_embeddings"


def _ending_of(settings: Settings, file: ResultFile) -> str:
    is_own = file.kind == settings.result_kind()
    return method_class(settings.method).ending(settings) if is_own else EMBEDDING_ENDING


def _endings(settings: Settings, file: ResultFile) -> tuple[str, ...]:
    """Of all files that are written for a result; a folder has none, whatever dots its name has."""
    ending = _ending_of(settings, file)
    return (ending, CONFIG_ENDING) if file.kind == "checkpoint" and ending else (ending,)


def _pattern(settings: Settings, file: ResultFile) -> str:
    """An embedding's file is called as its word, by which prompts of the WebUI know it."""
    return PLAIN if file.kind == "embedding" else settings.output.name_pattern


def _date(run: RunFolder) -> str:
    """The day on which the run was made, as in 2026-11-27."""
    try:
        made = run.about.stat().st_mtime
    except OSError:  # it is of an early version, or was taken away
        return datetime.now().date().isoformat()
    return datetime.fromtimestamp(made).date().isoformat()


def refuse_place(run: RunFolder, settings: Settings) -> None:
    """Raise UserError if the result cannot be written, or would replace a file of another run or its base."""
    for path in {path.parent: path for path in reversed(result_paths(run, settings))}.values():
        refuse_unwritable(path)
    if any(isinstance(event, Saved) for event in read_events(run.events)[0]):  # then the names are the run's own
        return
    for file in result_files(settings):
        if run.output not in _path_of(run, settings, file, AT_THE_END).parents:
            _refuse_taken(run, settings, file)


def _refuse_taken(run: RunFolder, settings: Settings, own: ResultFile) -> None:
    """By files of any step: which steps the run will save at is not known yet."""
    folder = _folder_of(run, settings, own)
    stems = stems_of(_pattern(settings, own), fields_of(settings, own.name, _date(run)))
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        for each in _endings(settings, own):
            if file.name.endswith(each) and stems.fullmatch(file.name.removesuffix(each)) and is_taken(file):
                option = own.word.file_option if own.word else "output.name"
                raise UserError(f"{file} already exists: change {option}, or move that file.")
