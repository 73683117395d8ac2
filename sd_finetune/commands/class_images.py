"""Count the class pictures that a run would use, and draw those that are missing."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..settings.read import read_toml
from .progress import Progress
from .train import add_settings_arguments

if TYPE_CHECKING:
    from ..settings.options import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_settings_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Draw what is missing, then print each concept's folders and how many pictures are in use from each; 0."""
    settings = read_toml(options.settings, options.overrides)
    if settings.prior_weight() == 0:
        raise UserError("prior.weight = 0 uses no class pictures: give it a weight, as in --set prior.weight=1.")
    with Progress(sys.stdout) as progress:
        pictures = _complete(settings, options.runs.absolute(), progress)
    for number, (concept, found) in enumerate(zip(settings.concepts, pictures, strict=True), start=1):
        print(f"concept {number}, {concept.class_prompt!r}: {len(found)} class pictures")
        for folder, count in Counter(picture.parent for picture in found).items():
            print(f"  {count} in {folder}")
    return 0


def _complete(settings: Settings, runs: Path, progress: Progress) -> list[list[Path]]:
    """The class pictures of each concept."""
    from ..data.concepts import instance_examples
    from ..formats.checkpoint import read_checkpoint
    from ..models.parts import load_parts
    from ..runs.folder import describe_base
    from ..runs.messages import Warning_
    from ..training.setup import DTYPES, accelerator_for, complete_class_pictures

    describe_base(Path(settings.base.checkpoint))  # says so if there is no such file
    accelerator = accelerator_for(settings)
    examples, warnings = instance_examples(settings.concepts)
    for message in warnings:
        progress.show(Warning_(message=message))
    base = read_checkpoint(Path(settings.base.checkpoint), Path(settings.base.config) if settings.base.config else None)
    parts = load_parts(base)
    parts.to(accelerator.device, DTYPES[settings.train.mixed_precision])
    return complete_class_pictures(runs, settings, base, parts, examples, accelerator, progress.show)
