"""Model files that commands are given, and the new ones that they make."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError

if TYPE_CHECKING:
    from ..formats.hypernetwork import HypernetworkFile
    from ..formats.lora import LoraModule

PRECISIONS = ("fp16", "bf16", "fp32")


def add_out_argument(parser: argparse.ArgumentParser) -> None:
    """--out, whose value `new_model_file` checks."""
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the .safetensors to make; it must not exist yet"
    )


def new_model_file(path: Path) -> Path:
    """`path`, if it can be the name of a new model file.

    Raises:
        UserError: it has another ending, or something is there already.
    """
    if path.suffix != ".safetensors":
        raise UserError(f"--out {path} must end in .safetensors: that is what is written.")
    if path.exists():
        raise UserError(f"{path} exists already: give --out another name, or move that file away first.")
    return path


def file_and_weight(text: str) -> tuple[Path, float]:
    """The file and its weight, 1 if none is given; a colon may also be part of the path."""
    match = re.fullmatch(r"(.+):([-+]?[0-9]*\.?[0-9]+)", text)
    return (Path(match[1]), float(match[2])) if match and not Path(text).exists() else (Path(text), 1.0)


def read_sd1_lora(path: Path) -> tuple[dict[str, LoraModule], dict[str, str]]:
    """A LoRA for Stable Diffusion 1, as `read_lora`.

    Raises:
        UserError: the file is something else, or cannot be read.
    """
    from ..formats.identify import refuse_unless
    from ..formats.lora import read_lora

    refuse_unless(path, "lora")
    return read_lora(path)


def read_sd1_hypernetwork(path: Path) -> HypernetworkFile:
    """A hypernetwork for Stable Diffusion 1, as `read_hypernetwork`.

    Raises:
        UserError: the file is something else, or cannot be read.
    """
    from ..formats.hypernetwork import read_hypernetwork
    from ..formats.identify import refuse_unless

    refuse_unless(path, "hypernetwork")
    return read_hypernetwork(path)
