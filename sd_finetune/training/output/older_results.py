"""Removes the results of earlier steps of which the settings keep only the latest."""

from __future__ import annotations

from pathlib import Path

from ...runs.messages import Saved, read_events
from ..state import Training
from .place import result_paths


def remove_older_results(training: Training) -> None:
    """Remove what the run saved at earlier steps but for the latest `output.keep` of them, and what stands beside it.

    Only files that the run says it saved, under the names that it gives them. One that cannot be removed stays.
    """
    keep = training.settings.output.keep
    saved = [event for event in read_events(training.run.events)[0] if isinstance(event, Saved)]
    steps = sorted({event.step for event in saved if Path(event.path) in _intermediate(training, event.step)})
    for step in steps[: max(0, len(steps) - keep)] if keep else []:
        for path in _intermediate(training, step):
            for file in (path, path.with_suffix(".yaml")):
                try:
                    file.unlink(missing_ok=True)
                except OSError as error:
                    training.warn(f"{file} could not be removed ({error}): remove it yourself if it is not wanted.")


def _intermediate(training: Training, step: int) -> list[Path]:
    return result_paths(training.run, training.settings, intermediate_suffix(step))


def intermediate_suffix(step: int) -> str:
    """What the name of a result that is saved on the way has behind the run's."""
    return f"-step{step:06d}"
