"""Install the toy checkpoint into a checkpoint folder, such as the WebUI's models/Stable-diffusion."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("folder", type=Path, help="checkpoint folder; 24 MB are written")


def run(options: argparse.Namespace) -> int:
    """Copy it and print its path; 0."""
    from ..demo.install_toy import place_toy  # loads torch, which --help does not need

    print(place_toy(options.folder))
    return 0
