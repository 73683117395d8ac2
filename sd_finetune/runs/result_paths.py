"""Where a run saves its results, and what is there already.

result_paths(run, settings, at) -> the paths, in the order of `result_files`
place_faults(settings) -> what keeps a run that is yet to be made from saving there
refuse_place(run, settings): the same for one that is there, and folders that cannot be written in
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PureWindowsPath

from ..errors import UserError
from ..settings.options import Settings
from ..settings.result_files import ResultFile, ending_of, endings_of, result_files
from ..settings.result_name import PLAIN, fields_of, pattern_fault, stem_of, stems_of
from ..settings.rules import is_file_name
from .atomic import refuse_unwritable, unwritable
from .folder import RunFolder
from .messages import Saved, read_events


@dataclass(frozen=True)
class Moment:
    """When a result is saved: after how many steps, in which epoch, and whether it is the one at the end."""

    step: int
    epoch: int
    is_final: bool


AT_THE_END = Moment(0, 0, True)
"""Where neither step nor epoch matter."""


def result_paths(run: RunFolder, settings: Settings, at: Moment = AT_THE_END) -> list[Path]:
    """The paths of a run's results, in the order of `result_files`."""
    return [_path_of(run, settings, file, at, ending_of(settings, file)) for file in result_files(settings)]


def refuse_place(run: RunFolder, settings: Settings) -> None:
    """Raise UserError if a result cannot be written, or if a run that has saved none would replace another file.

    What comes to be there later is not replaced either: see `own_results`.
    """
    for path in {path.parent: path for path in reversed(result_paths(run, settings))}.values():
        refuse_unwritable(path)
    if any(isinstance(event, Saved) for event in read_events(run.events)[0]):  # some files may be the run's own
        return
    if faults := _taken(settings, run):
        raise UserError("\n".join(faults.values()))


def place_faults(settings: Settings) -> dict[str, str]:
    """By the option's name, why a run that is yet to be made could not save its results, told without writing."""
    files = result_files(settings)
    if not _are_names(settings, files):
        return {}
    found = _taken(settings, None)
    for file in files:
        folder = _folder_of(settings, file, None)
        if folder and (fault := unwritable(folder / f"{file.name}{ending_of(settings, file)}")):
            is_beside = file.kind != settings.result_kind() and settings.output.embeddings_folder
            found.setdefault("output.embeddings_folder" if is_beside else "output.folder", fault)
    return found


def _are_names(settings: Settings, files: Sequence[ResultFile]) -> bool:
    """Whether all that paths are made of can be a part of one; what cannot is told elsewhere."""
    asked = settings.output
    names = [asked.name, *(file.name for file in files), *(PureWindowsPath(asked.subfolder).parts)]
    patterns = {_pattern(settings, file) for file in files}
    return all(map(is_file_name, names)) and not any(map(pattern_fault, patterns))


def _taken(settings: Settings, run: RunFolder | None) -> dict[str, str]:
    """By the option's name, files that a result would replace, by those of any step: when one is saved is open yet.

    run: whose results these are, None for one that is yet to be made, in whose own folder nothing is.
    """
    found: dict[str, str] = {}
    listed: dict[Path, list[str]] = {}
    for file in result_files(settings):
        folder = _folder_of(settings, file, run.output if run else None)
        if folder is None or (run and _is_in(run.output, folder)):
            continue
        if folder not in listed:
            listed[folder] = _names_in(folder)
        there = _first_of(listed[folder], settings, file, run)
        if there:
            option = file.word.file_option if file.word else "output.name"
            found.setdefault(option, f"{folder / there} already exists: change {option}, or move that file.")
    return found


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - a Path for each of thousands takes ten times as long
    except OSError:  # it is not there yet, or is told to be of no use
        return []


def _first_of(names: Sequence[str], settings: Settings, own: ResultFile, run: RunFolder | None) -> str:
    """The first of the names that a result may have; "" if there is none."""
    stems, endings = stems_of(_pattern(settings, own), _fields(settings, own, run)), endings_of(settings, own)
    return next(
        (name for name in names for end in endings if name.endswith(end) and stems.fullmatch(name.removesuffix(end))),
        "",
    )


def _path_of(run: RunFolder, settings: Settings, file: ResultFile, at: Moment, ending: str) -> Path:
    fields = _fields(settings, file, run)
    stem = stem_of(_pattern(settings, file), fields, at.step, at.epoch, at.is_final)
    folder = _folder_of(settings, file, run.output)
    assert folder is not None
    return folder / f"{stem}{ending}"


def _folder_of(settings: Settings, file: ResultFile, output: Path | None) -> Path | None:
    """output: the run's own folder of results, None of one that is not there yet, for which this may be None."""
    asked, inner = settings.output, PureWindowsPath(settings.output.subfolder).parts  # which takes both slashes for one
    if file.kind != settings.result_kind() and asked.embeddings_folder:
        return Path(asked.embeddings_folder, *inner)
    if not asked.folder and output is None:
        return None
    own = Path(asked.folder or output or "", *inner)
    return own if file.kind == settings.result_kind() else own / f"{asked.name}_embeddings"


def _is_in(outer: Path, folder: Path) -> bool:
    return outer in (folder, *folder.parents)


def _pattern(settings: Settings, file: ResultFile) -> str:
    """An embedding's file is called as its word, by which prompts of the WebUI know it."""
    return PLAIN if file.kind == "embedding" else settings.output.name_pattern


def _fields(settings: Settings, file: ResultFile, run: RunFolder | None) -> dict[str, str]:
    return fields_of(settings, file.name, _date(run))


def _date(run: RunFolder | None) -> str:
    """The day on which the run was made, as in 2026-11-27; today for one that is yet to be made."""
    try:
        made = run.about.stat().st_mtime if run else None
    except OSError:  # it is of an early version, or was taken away
        made = None
    return (datetime.now() if made is None else datetime.fromtimestamp(made)).date().isoformat()
