"""Generate the missing class images of a run, and count those that it would use."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from ..counted import counted
from ..runs.progress import Progress
from ..settings.prior_rules import without_class_images
from .settings_file import add_settings_arguments, settings_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_settings_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Generate what is missing, then print how many class images of each folder every concept uses; 0."""
    settings = settings_of(options, lambda settings, _: without_class_images(settings))
    from ..training.prior.class_run import generate_missing_class_images  # loads torch, which --help does not need

    with Progress(sys.stdout) as progress:
        images = generate_missing_class_images(settings, options.runs.absolute(), progress.show)
    for number, (concept, found) in enumerate(zip(settings.concepts, images, strict=True), start=1):
        print(f"concept {number}, {concept.class_prompt!r}: {counted(len(found), 'class image')}")
        for folder, count in Counter(image.parent for image in found).items():
            print(f"  {count} in {folder}")
    return 0
