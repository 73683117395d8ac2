"""Show the kind of a model file, its base model and how it was trained."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("file", type=Path, help="checkpoint, LoRA, embedding or hypernetwork")


def run(options: argparse.Namespace) -> int:
    """Print the description; 0. Raises UserError for a file that cannot be read."""
    from ..formats.identify import identify  # loads torch, which --help does not need

    print(identify(options.file).text)
    return 0
