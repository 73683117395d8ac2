"""Removes the results of earlier steps of which the settings keep only the latest."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ...runs.messages import Saved
from ...runs.own_results import OwnResults, is_named_as, with_ending
from ...runs.result_paths import result_paths
from ...settings.result_files import endings_of, result_files
from ..state import Training
from .moment import moment_of


def remove_older_results(training: Training) -> None:
    """Remove what the run saved at earlier steps but for the latest `output.keep` of them, and what stands beside it.

    Only files that the run says it saved, under the names that it gives them, and as it saved them; what it was stopped
    with stays, as what it ends with does. One that cannot be removed stays too.
    """
    keep, own = training.settings.output.keep, OwnResults(training.run)
    latest = {event.path: event for event in own.saved}.values()
    saved = [(e.step, Path(e.path), endings) for e in latest if not e.final and (endings := _endings(training, e))]
    steps = sorted({step for step, _, _ in saved})
    older = steps[: max(0, len(steps) - keep)] if keep else []
    for step, path, endings in saved:
        if step in older and own.may_replace(path, endings):
            _remove_all(training, [with_ending(path, endings[0], ending) for ending in endings])


def _remove_all(training: Training, files: Sequence[Path]) -> None:
    for file in files:
        try:
            _remove(file)
        except OSError as error:
            training.warn(f"{file} could not be removed ({error}): remove it yourself if it is not wanted.")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _endings(training: Training, event: Saved) -> tuple[str, ...]:
    """Of the files of an intermediate result, its own first; none if something else was saved."""
    settings = training.settings
    named = result_paths(training.run, settings, moment_of(training, event.step, is_final=False))
    for path, file in zip(named, result_files(settings), strict=True):
        endings = endings_of(settings, file)
        if is_named_as(Path(event.path), path, endings[0]):
            return endings
    return ()
