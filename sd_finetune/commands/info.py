"""Say what a model file is, for which base, and how it was made."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("file", type=Path, help="a checkpoint, LoRA, embedding or hypernetwork")


def run(options: argparse.Namespace) -> int:
    """Print the description; 0. What cannot be read raises UserError."""
    from ..formats.identify import identify  # loads torch, which --help can do without

    print(identify(options.file).text)
    return 0
