"""Removes the results of earlier steps of which the settings keep only the latest."""

from __future__ import annotations

import shutil
from pathlib import Path

from ...runs.messages import Saved, read_events
from ...runs.result_paths import files_of_results
from ..state import Training
from .moment import moment_of


def remove_older_results(training: Training) -> None:
    """Remove what the run saved at earlier steps but for the latest `output.keep` of them, and what stands beside it.

    Only files that the run says it saved, under the names that it gives them; what it was stopped with stays, as what
    it ends with does. One that cannot be removed stays too.
    """
    keep = training.settings.output.keep
    saved = {event.path: event for event in read_events(training.run.events)[0] if isinstance(event, Saved)}
    of_steps = [event for event in saved.values() if not event.final]
    steps = sorted({event.step for event in of_steps if Path(event.path) in _intermediate(training, event.step)})
    for step in steps[: max(0, len(steps) - keep)] if keep else []:
        for file in _intermediate(training, step):
            try:
                _remove(file)
            except OSError as error:
                training.warn(f"{file} could not be removed ({error}): remove it yourself if it is not wanted.")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _intermediate(training: Training, step: int) -> list[Path]:
    return files_of_results(training.run, training.settings, moment_of(training, step, is_final=False))
