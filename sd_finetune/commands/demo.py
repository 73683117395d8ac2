"""Train a toy checkpoint that comes with SD Fine-Tune on the demo's subject, and score the result."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..demo.paths import DEMO_FOLDER, FAMILIES
from .start import start

FAMILY_HELP = f"what the toy is; the last is SDXL with v-prediction (default: {FAMILIES[0]})"
METHODS = sorted(file.stem for file in DEMO_FOLDER.glob("*.toml"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--method", choices=METHODS, default="lora", help="training method (default: lora)")
    parser.add_argument("--family", choices=FAMILIES, default=FAMILIES[0], help=FAMILY_HELP)
    parser.add_argument(
        "--out", type=Path, default=Path("demo-output"), help="folder for the run (default: demo-output)"
    )


def run(options: argparse.Namespace) -> int:
    from ..demo.run import run_demo  # imports torch
    from ..demo.toys import TOYS

    settings = TOYS[options.family].settings(options.method, options.out)
    return 0 if run_demo(options.method, options.out, lambda run: start(run) == 0, settings) else 1
