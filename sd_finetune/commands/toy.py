"""Install a toy checkpoint into a checkpoint folder, such as the WebUI's models/Stable-diffusion."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..demo.paths import FAMILIES
from .demo import FAMILY_HELP


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("folder", type=Path, help="checkpoint folder; 24 MB are written, for SDXL 65 MB")
    parser.add_argument("--family", choices=FAMILIES, default=FAMILIES[0], help=FAMILY_HELP)


def run(options: argparse.Namespace) -> int:
    """Put it there and print its path; 0."""
    from ..demo.install_toy import place_toy  # loads torch, which --help does not need

    print(place_toy(options.folder, options.family))
    return 0
