"""Where a person's own presets are: in the data folder of the tab that saved them."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import UserError
from ..presets.shelf import FOLDER
from ..runs.find import STANDALONE_DATA, WEBUI_DATA

EXTENSION = Path(__file__).parents[2]
PLACES = (Path(STANDALONE_DATA, FOLDER), Path(WEBUI_DATA, FOLDER))
"""In the current folder."""


def add_presets_folder(parser: argparse.ArgumentParser, flag: str = "--presets-folder") -> None:
    """The argument that names the one folder to look in."""
    parser.add_argument(
        flag,
        type=Path,
        dest="presets_folder",
        metavar="FOLDER",
        help="folder of your own presets, which the tab keeps in its data folder (default: "
        f"{' and '.join(map(str, PLACES))} in the current folder, and that of the WebUI whose extension this is)",
    )


def own_folders(asked: Path | None) -> list[Path]:
    """The folders to look in. Raises UserError for one that is asked for and is none."""
    if asked is not None:
        if not asked.is_dir():
            raise UserError(f"{asked} is not a folder: name the one that your presets are in.")
        return [asked]
    of_webui = [EXTENSION.parents[1] / WEBUI_DATA / FOLDER] if EXTENSION.parent.name == "extensions" else []
    found = {place.resolve(): place for place in (*PLACES, *of_webui) if place.is_dir()}
    return list(found.values())
