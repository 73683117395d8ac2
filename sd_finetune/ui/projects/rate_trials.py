"""What the page shows of a project's latest trial of learning rates."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ...runs.folder import RunFolder
from ...runs.rate_plot import svg_of
from ...runs.rate_trial import Point, points_of, suggestion
from ...settings.rate_trial import main_option
from .project import RATE_TRIALS, Project, entries


def latest_trial(project: Project) -> RunFolder | None:
    """The folder of a project's latest trial, None if there was none."""
    folders = [folder for folder in entries(project.folder / RATE_TRIALS) if folder.is_dir()]
    return RunFolder(folders[-1]) if folders else None


def trial_points(project: Project) -> list[Point]:
    """What the latest trial has tried so far."""
    trial = latest_trial(project)
    with suppress(OSError):
        return points_of(trial) if trial else []
    return []


def describe_trial(project: Project) -> dict[str, Any]:
    """`tried`, how many learning rates were tried; `suggested`, None without; `option`, whose learning rate it is.

    `curve` is drawn as SVG.
    """
    trial, points = latest_trial(project), trial_points(project)
    option = main_option(trial.read_settings()) if trial and points else ""
    found = suggestion(points)
    curve = svg_of(points, found) if len(points) > 1 else ""
    return {"tried": len(points), "suggested": found, "option": option, "curve": curve}
