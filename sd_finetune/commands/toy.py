"""Put the toy checkpoint into a folder of checkpoints, such as the WebUI's models/Stable-diffusion, ready to draw."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("folder", type=Path, help="folder of checkpoints; 19 MB go into it")


def run(options: argparse.Namespace) -> int:
    """Copy it and print where it is; 0."""
    from ..demo.install_toy import place_toy  # loads torch, which --help can do without

    print(place_toy(options.folder))
    return 0
