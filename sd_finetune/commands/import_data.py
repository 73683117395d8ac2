"""Make a settings file from a folder, dataset config or concepts list of another trainer."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..runs.atomic import replacing
from ..settings.catalogue import members
from ..settings.options import Concept
from ..settings.toml import toml_text

if TYPE_CHECKING:
    from ..data.importing.subsets import Imported


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "path",
        metavar="FOLDER",
        help='folder with folders like "10_sks dog" and reg/"1_dog", dataset config (.toml) of kohya\'s scripts, or '
        "concepts list (.json) of the Dreambooth extension",
    )
    parser.add_argument("--base", default="", metavar="CHECKPOINT", help="base checkpoint to write into the file")
    parser.add_argument(
        "--output", type=Path, metavar="SETTINGS.toml", help="settings file to write (default: print the settings)"
    )


def run(options: argparse.Namespace) -> int:
    """0. Raises UserError for what cannot be imported, and for a file that is there already."""
    from ..data.importing.import_any import import_any  # loads Pillow, which takes as long as the rest of the commands

    imported = import_any(options.path)
    text = settings_text(imported, options.path, options.base)
    if options.output is None:
        print(text, end="")
        return 0
    if options.output.exists():
        raise UserError(f"{options.output} is there already: choose another name.")
    with replacing(options.output) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    for note in imported.notes:
        print(note)
    base = "" if options.base else " --set base.checkpoint=CHECKPOINT"
    print(f"train with: python -m sd_finetune train {options.output}{base}")
    return 0


def settings_text(imported: Imported, source: str, base: str = "") -> str:
    """A settings file with what was imported; notes are comments."""
    content: dict[str, dict[str, object]] = {"base": {"checkpoint": str(Path(base).absolute())}} if base else {}
    for name, value in imported.settings.items():
        group, _, option = name.partition(".")
        content.setdefault(group, {})[option] = value
    comments = [f"Imported from {json.dumps(str(source), ensure_ascii=False)}.", *imported.notes]
    concepts = [{**each, **_absolute(each)} for each in imported.concepts]
    lines = [f"# {line}" for comment in comments for line in comment.splitlines()]
    return "\n".join([*lines, "", toml_text({**content, "concepts": concepts})])


def _absolute(concept: dict[str, object]) -> dict[str, str]:
    """The settings file may be anywhere."""
    names = [member.name for member in members(Concept) if member.option is not None and member.option.is_path]
    return {name: str(Path(str(concept[name])).absolute()) for name in names if concept.get(name)}
