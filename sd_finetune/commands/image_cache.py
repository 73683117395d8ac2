"""Show how large image caches are, or remove what is in them."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..counted import counted
from ..data.image_cache import NAME, UNUSED_DAYS, Amount, amount_in, remove_unused
from ..errors import UserError
from ..runs.find import PLACES
from ..runs.own_files import IMAGE_CACHE_NOTE
from .arguments import number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "folders",
        type=Path,
        nargs="*",
        metavar="FOLDER",
        help=f"image caches, or folders that have one (default: {' and '.join(PLACES)} in the current folder; the "
        "WebUI's is in the folder sd_finetune of its data directory)",
    )
    parser.add_argument(
        "--unused-days",
        type=number(0),
        metavar="DAYS",
        help="remove what no run has used for so many days, 0 for all; a run that is training encodes again what it "
        f"misses. Each run that starts removes what {UNUSED_DAYS} days have not used",
    )


def run(options: argparse.Namespace) -> int:
    """Print a line for each cache; 0. Raises UserError for a folder without one."""
    days: float | None = options.unused_days
    found = [_cache_in(folder) for folder in options.folders]
    found = found or [Path(place) / NAME for place in PLACES if (Path(place) / NAME / IMAGE_CACHE_NOTE).is_file()]
    for cache in found:
        removed = f", {_words(remove_unused(cache, days))} removed" if days is not None else ""
        print(f"{cache}: {_words(amount_in(cache))}{removed}")
    if not found:
        print("No image cache in the current folder.")
    return 0


def _cache_in(folder: Path) -> Path:
    for cache in (folder, folder / NAME):
        if (cache / IMAGE_CACHE_NOTE).is_file():
            return cache
    raise UserError(f"{folder} has no image cache: name the folder {NAME}, or the one that it is in.")


def _words(amount: Amount) -> str:
    return f"{counted(amount.files, 'file')}, {amount.size / 1e6:,.1f} MB"
