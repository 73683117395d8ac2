"""Find a learning rate: a short trial in which it rises until training diverges; nothing of it is kept."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import UserError
from ..runs.atomic import refuse_unwritable, replacing
from ..runs.folder import RunFolder
from ..runs.rate_plot import svg_of
from ..runs.rate_trial import Point, points_of, smoothed, suggestion
from ..settings.options import Settings
from ..settings.rate_trial import STEPS, main_option, trial_settings
from .arguments import whole_number
from .settings_file import add_settings_file, settings_of
from .start import start

LINES = 20
"""Of the table that is printed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_settings_file(parser)
    parser.add_argument(
        "--steps",
        type=whole_number(10, 10_000),
        default=STEPS,
        metavar="STEPS",
        help=f"steps of the trial, in which the learning rate rises 100,000 times (default: {STEPS})",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="also draw the curve into this file")
    parser.epilog = (
        "It starts at a hundredth of the learning rate of the settings. The loss is the evaluation loss, without prior "
        "preservation. Suggested is the smaller one of the learning rate at which the loss falls most steeply and of a "
        "tenth of that at which it is least."
    )


def run(options: argparse.Namespace) -> int:
    """Print the curve and the suggestion; 0, or 1 if the trial failed. Raises UserError for settings of no use."""
    settings = settings_of(options)
    if options.plot is not None:
        _refuse_place(options.plot)
    with TemporaryDirectory(prefix="sd-finetune-rates-", ignore_cleanup_errors=True) as folder:
        trial = RunFolder.create(Path(folder), settings.output.name, trial_settings(settings, options.steps))
        code = start(trial, "--rates", launch=options.launch)
        points = points_of(trial)
    if not points:
        return code
    _print(points, settings)
    if options.plot is not None:
        with replacing(options.plot) as path:
            path.write_text(svg_of(points, suggestion(points)), encoding="utf-8")
        print(f"saved {options.plot}")
    return code


def _refuse_place(plot: Path) -> None:
    """Before the trial, which takes minutes."""
    if plot.is_dir():
        raise UserError(f"--plot {plot} is a folder: name a file, like {plot / 'rates.svg'}.")
    refuse_unwritable(plot)


def _print(points: list[Point], settings: Settings) -> None:
    losses = smoothed([loss for _, loss in points])
    print("learning rate   loss      smoothed")
    for k in range(0, len(points), -(-len(points) // LINES)):
        print(f"{points[k][0]:<15.2e} {points[k][1]:<9.4f} {losses[k]:.4f}")
    found = suggestion(points)
    if found is None:
        print("The loss did not fall at any of these learning rates, so there is no suggestion: try more --steps.")
    else:
        print(f"suggested: {main_option(settings)} = {found:g}")
