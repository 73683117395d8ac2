"""List the presets: settings for a kind of training, with what to expect of each; or show some of them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from ..presets.preset import SUBJECTS, Preset, text_of
from ..presets.shelf import Kept, all_presets
from ..presets.words import expected_words
from ..settings.methods import METHODS
from .chosen_presets import find_by_name_or_file
from .own_presets import add_presets_folder, own_folders
from .vram_presets import RULE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "names", nargs="*", metavar="PRESET", help="show the settings of these, by name or by file, instead of a list"
    )
    add_presets_folder(parser, "--folder")
    parser.epilog = f"Use one with `train SETTINGS.toml --preset NAME`; for the VRAM of a GPU add --preset {RULE}."


def run(options: argparse.Namespace) -> int:
    """Print them; 0. Raises UserError for one that does not exist or cannot be read."""
    folders = own_folders(options.presets_folder)
    if options.names:
        print("\n".join(text_of(find_by_name_or_file(name, folders)) for name in options.names).rstrip())
        return 0
    kept = all_presets(*folders)
    for method, facts in METHODS.items():
        of_method = [(each, each.preset) for each in kept if each.preset and each.preset.method == method]
        if of_method:
            print(f"{facts.title}:")
        for each, preset in of_method:
            print("\n".join(f"  {line}" for line in _lines(each, preset)))
    for each in kept:
        if each.fault:
            print(f"not readable: {each.fault}")
    return 0


def _lines(kept: Kept, preset: Preset) -> Iterator[str]:
    title = f"{preset.name}, your own in {kept.path}" if kept.own else preset.name
    subject = f", for a {SUBJECTS[preset.subject].lower()}" if preset.subject and not kept.own else ""
    yield f"{kept.key}: {title}{subject}"
    for line in (preset.description, *expected_words(preset.expected)):
        if line:
            yield f"    {line}"
