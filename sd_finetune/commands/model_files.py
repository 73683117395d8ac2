"""Model files that commands read and write."""

from __future__ import annotations

import argparse
import math
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..runs.atomic import is_taken, refuse_unwritable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..families.facts import FamilyFacts
    from ..formats.checkpoint import Checkpoint, Parts
    from ..formats.hypernetwork import HypernetworkFile
    from ..formats.lora import StoredChange

ENDING, OTHER_ENDINGS = ".safetensors", (".ckpt", ".pt", ".bin", ".pth", ".yaml")
PRECISIONS = ("fp16", "bf16", "fp32")


def add_checkpoint_arguments(parser: argparse.ArgumentParser, vae: str) -> None:
    """--checkpoint, with its --config and --vae. vae: help, what that is there for."""
    add = parser.add_argument
    described = "SD 1.x or SDXL checkpoint, .safetensors, .ckpt or folder of diffusers"
    add("--checkpoint", type=Path, required=True, metavar="FILE", help=described)
    add("--config", type=Path, metavar="FILE", help="its config (.yaml); default: the one beside it, if any")
    add("--vae", type=Path, metavar="FILE", help=vae)


def add_out_argument(parser: argparse.ArgumentParser, or_folder: bool = False) -> None:
    """--out, whose value `new_model_file` or `new_checkpoint_place` checks."""
    other = ", or a new folder, for diffusers' layout" if or_folder else ""
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help=f"new .safetensors file{other}; it must not exist"
    )


def write_model(out: Path, base: Checkpoint, changed: Parts, metadata: Mapping[str, str]) -> None:
    """Write a checkpoint in its own precision, as one file or, where `out` has no ending, in diffusers' layout."""
    from ..formats.checkpoint import write_checkpoint
    from ..formats.diffusers_result import write_folder

    write = write_checkpoint if out.suffix == ENDING else write_folder
    write(out, base, changed, precision=None, metadata=metadata)


def new_checkpoint_place(path: Path) -> Path:
    """`path`, if a checkpoint can be saved there, as one file or as a folder.

    Raises:
        UserError: it has another ending, exists, or cannot be written.
    """
    ending = path.suffix.lower()
    if ending in OTHER_ENDINGS or get_close_matches(ending, [ENDING], cutoff=0.8):  # a slip, not the name of a folder
        return new_model_file(path, beside=(".yaml",))
    if is_taken(path):
        raise UserError(f"{path} already exists: change --out, or move that folder.")
    refuse_unwritable(path)
    return path


def new_model_file(path: Path, beside: tuple[str, ...] = ()) -> Path:
    """`path`, if a new model file can be saved there; `beside`: endings of files that come with it.

    Raises:
        UserError: it has another ending, or the file exists or cannot be written.
    """
    if path.suffix != ENDING:
        raise UserError(f"--out {path} has the wrong ending: use .safetensors.")
    for file in (path, *(path.with_suffix(ending) for ending in beside)):
        if is_taken(file):
            raise UserError(f"{file} already exists: change --out, or move that file.")
    refuse_unwritable(path)
    return path


def file_and_weight(text: str) -> tuple[Path, float]:
    """The file and its weight, 1 if none is given; a colon may also be part of the path.

    Raises:
        UserError: the weight after an existing file's name and a colon is not a number.
    """
    file, colon, weight = text.rpartition(":")
    if not colon or is_taken(Path(text)):
        return Path(text), 1.0
    try:
        number = float(weight)
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        return Path(file), number
    if is_taken(Path(file)):
        raise UserError(f'"{weight}" in {text} is not a valid weight: use a number, as in {file}:0.8.')
    return Path(text), 1.0


def read_lora_for(family: FamilyFacts | None, path: Path) -> tuple[dict[str, StoredChange], dict[str, str]]:
    """A LoRA for a family, or for any that is supported, as `read_lora`.

    Raises:
        UserError: the file is of another kind, or cannot be read.
    """
    from ..formats.classify import refuse_unless
    from ..formats.lora import read_lora

    refuse_unless(path, "lora", family)
    return read_lora(path)


def read_hypernetwork_for(family: FamilyFacts, path: Path) -> HypernetworkFile:
    """A hypernetwork for a family, as `read_hypernetwork`.

    Raises:
        UserError: the file is of another kind, or cannot be read.
    """
    from ..formats.classify import refuse_unless
    from ..formats.hypernetwork import read_hypernetwork

    refuse_unless(path, "hypernetwork", family)
    return read_hypernetwork(path)
