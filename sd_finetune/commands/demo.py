"""Train the toy checkpoint that comes with SD Fine-Tune on the demo's subject, and score the result."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..demo.paths import DEMO_FOLDER
from .start import start

METHODS = sorted(file.stem for file in DEMO_FOLDER.glob("*.toml"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--method", choices=METHODS, default="lora", help="training method (default: lora)")
    parser.add_argument(
        "--out", type=Path, default=Path("demo-output"), help="folder for the run (default: demo-output)"
    )


def run(options: argparse.Namespace) -> int:
    from ..demo.run import run_demo  # imports torch

    return 0 if run_demo(options.method, options.out, lambda run: start(run) == 0) else 1
