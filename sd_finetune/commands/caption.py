"""Caption the images of a folder with a program of your own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.captioning.existing import EXISTING
from ..errors import UserError
from ..runs.messages import Phase
from ..runs.progress import Progress

if TYPE_CHECKING:
    from ..data.captioning.command import Command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add("folder", metavar="FOLDER", help="folder of images, with its sub-folders")
    add(
        "--existing",
        choices=EXISTING,
        default="keep",
        help="what becomes of captions that are there: kept, so that only images without one are captioned (default); "
        "replaced; or the new one is put before or after",
    )
    add(
        "--captioner",
        type=Path,
        metavar="FILE",
        help="file that names the program, as captioner.toml in the tab's data folder does",
    )
    add(
        "--command",
        nargs=argparse.REMAINDER,
        metavar="WORD",
        help="the program and its arguments, last on the line: with {image} among them it is started for each image "
        "and prints the caption; without, it reads the paths from standard input, one a line, and prints for each its "
        "path, a tab and the caption",
    )


def run(options: argparse.Namespace) -> int:
    """Caption them; 0, or 1 where an image got no caption. Raises UserError."""
    from ..data.caption_writing import write_caption
    from ..data.captioning.captioner import caption_all  # loads Pillow, which takes as long as the rest of the commands
    from ..data.captions import CaptionReader
    from ..data.usable import usable_images
    from ..settings.options import Captions

    command = _command(options)
    folder = str(Path(options.folder).absolute())
    found = usable_images(folder)
    for sentence in found.warnings():
        print(sentence)
    captions = CaptionReader([folder], Captions())
    with Progress(sys.stdout) as progress:
        outcome = caption_all(
            found.images,
            command,
            options.existing,
            captions,
            lambda image, text, was: write_caption(image, text, captions, was),
            lambda done, total: progress.show(Phase("captioning", done, total)),
        )
    for problem in outcome.problems:
        print(problem, file=sys.stderr)
    print(outcome)
    return 1 if outcome.problems or outcome.failure else 0


def _command(options: argparse.Namespace) -> Command:
    from ..data.captioning.command import Command
    from ..data.captioning.command_file import command_in

    if options.command:
        return Command(tuple(options.command), Path.cwd())
    found = command_in(options.captioner) if options.captioner else None
    if found is None:
        missing = f"{options.captioner} not found" if options.captioner else "No program is named"
        raise UserError(f"{missing}: end the line with --command and the program, or write --captioner FILE.")
    return found
