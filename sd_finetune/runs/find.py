"""Finds runs by their name or folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import UserError
from .folder import RunFolder

STANDALONE_DATA, WEBUI_DATA = "sd-finetune-data", "sd_finetune"
"""The data folders of the tab: that of the command ui in the current folder, and that in the WebUI's data directory."""
PLACES = ("runs", STANDALONE_DATA)
"""Where the commands train and ui put runs, in the current folder, unless they are told otherwise."""
MOST_LEVELS = 4
"""Of folders: data folder, projects, project, runs, run."""


def runs_in(folders: Sequence[Path] = ()) -> list[RunFolder]:
    """The runs in these folders and their subfolders, the latest last; by default in those of PLACES that exist.

    Raises:
        UserError: a folder does not exist.
    """
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder} is not a folder: name one with runs in it.")
    places = folders or [Path(place) for place in PLACES if Path(place).is_dir()]
    found = {run.path: run for place in places for run in _runs_below(place.absolute(), MOST_LEVELS)}
    return sorted(found.values(), key=lambda run: (_time_of(run.settings), run.path))


def find_run(name: str) -> RunFolder:
    """The run with this folder, or with this name in one of PLACES.

    Raises:
        UserError: there is none, or more than one.
    """
    folder = RunFolder(Path(name).absolute())
    if folder.settings.is_file():
        return folder
    found = [run for run in runs_in() if run.path.name == name]
    if len(found) > 1:
        places = ", ".join(str(run.path) for run in found)
        raise UserError(f"{name} is the name of {len(found)} runs: give the folder of one ({places}).")
    if not found:
        raise UserError(
            f"{name} is not a run folder, nor the name of a run in {' or '.join(PLACES)}: "
            "list runs with `python -m sd_finetune runs FOLDER`, and give the folder of one."
        )
    return found[0]


def _runs_below(folder: Path, levels: int) -> Iterator[RunFolder]:
    run = RunFolder(folder)
    if run.settings.is_file() and run.base.is_file():
        yield run
        return
    if levels == 0:
        return
    try:
        below = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return
    for path in below:
        yield from _runs_below(Path(path), levels - 1)


def _time_of(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
