"""Count the class pictures that a run would use, and draw those that are missing."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from ..errors import UserError
from ..settings.missing_files import missing_files, refuse
from ..settings.read import read_toml
from .progress import Progress
from .train import add_settings_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_settings_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Draw what is missing, then print each concept's folders and how many pictures are in use from each; 0."""
    settings = read_toml(options.settings, options.overrides)
    if settings.prior_weight() == 0:
        raise UserError("prior.weight = 0 uses no class pictures: give it a weight, as in --set prior.weight=1.")
    if settings.prior.source == "model":
        raise UserError(
            'prior.source = "model" draws no class pictures: use --set prior.source=images to have them drawn.'
        )
    refuse(missing_files(settings))
    from ..training.prior.class_run import missing_class_pictures  # loads torch, which --help can do without

    with Progress(sys.stdout) as progress:
        pictures = missing_class_pictures(settings, options.runs.absolute(), progress.show)
    for number, (concept, found) in enumerate(zip(settings.concepts, pictures, strict=True), start=1):
        print(f"concept {number}, {concept.class_prompt!r}: {len(found)} class pictures")
        for folder, count in Counter(picture.parent for picture in found).items():
            print(f"  {count} in {folder}")
    return 0
