"""`--preset` of the command line: a preset by its name or file, and one for the VRAM of a GPU, over a settings file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..presets.changes import changes_of
from ..presets.preset import ENDING, Preset, read_preset
from ..presets.shelf import find_preset, our_presets
from ..settings.migrations import migrated
from ..settings.options import Settings
from ..settings.toml import load_toml
from .base_defaults import read_for_base
from .vram_presets import RULE, about_vram_preset, is_vram_preset, list_of_vram_presets, vram_overrides

LIST = "list"


class PresetAction(argparse.Action):
    """`--preset list` shows the table for the VRAM and ends the command, as `--help` does. Else it is repeatable."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option_string: Any = None) -> None:
        if values == LIST:
            print("\n".join(list_of_vram_presets()))
            parser.exit()
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), values])


def add_preset(parser: argparse.ArgumentParser) -> None:
    """The argument of commands that take presets."""
    parser.add_argument(
        "--preset",
        action=PresetAction,
        default=[],
        metavar="PRESET",
        help="settings that come before --set: the name of a preset (the command `presets` lists them) or the file of "
        f"one; or {RULE}, for the VRAM of a GPU ({LIST} shows what these set). Repeatable: one of each",
    )


def read_with_presets(path: Path, presets: Sequence[str], overrides: list[str]) -> tuple[Settings, list[str]]:
    """A settings file with presets over it and overrides over them, and what to tell of the presets.

    Raises:
        UserError: there is no such preset, there are several of a kind, or the settings are not valid.
    """
    named = [asked for asked in presets if not is_vram_preset(asked)]
    sizes = [asked for asked in presets if is_vram_preset(asked)]
    for several in (named, sizes):
        if len(several) > 1:
            raise UserError(f"--preset {' and --preset '.join(several)} are of the same kind: choose one of them.")
    told: list[str] = []
    chosen: list[str] = []
    for asked in named:
        preset = find_by_name_or_file(asked)
        chosen, sentence = _over_file(path, preset, asked)
        told.append(sentence)
    settings = read_for_base(path, [*chosen, *overrides])
    for asked in sizes:
        chosen += vram_overrides(settings, asked)
        settings = read_for_base(path, [*chosen, *overrides])
        told.append(about_vram_preset(settings, asked))
    return settings, told


def find_by_name_or_file(asked: str) -> Preset:
    """One that comes with SD Fine-Tune, or that of a file. Raises UserError if there is none."""
    if asked.lower().endswith(ENDING) or Path(asked).name != asked:
        return read_preset(Path(asked))
    if not any(kept.key == asked for kept in our_presets()):
        raise UserError(
            f'--preset "{asked}" is not valid: use a name that `presets` lists, a file that ends with {ENDING}, or '
            f"{RULE}."
        )
    found = find_preset(asked).preset
    assert found is not None  # ours can be read
    return found


def _over_file(path: Path, preset: Preset, asked: str) -> tuple[list[str], str]:
    """What a preset changes in a settings file, as overrides and in words."""
    content = migrated(load_toml(path))
    changes = changes_of(preset, content)
    values = {name: json.dumps(change.now) for name, change in changes.items()}
    set_to = ", ".join(f"{name} = {value}" for name, value in values.items())
    return [f"{name}={value}" for name, value in values.items()], f"preset {asked}: {set_to or 'changes nothing'}"
