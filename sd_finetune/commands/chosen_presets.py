"""`--preset` of the command line: a preset by its name or file, and one for the VRAM of a GPU, over a settings file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..formats.known_base import resolved
from ..presets.changes import changes_of
from ..presets.preset import ENDING, Preset, read_preset
from ..presets.shelf import all_presets
from ..settings.faults import Faults
from ..settings.read import as_far_as_valid, with_overrides
from .own_presets import add_presets_folder, own_folders
from .typos import meant
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
        help="settings that come before --set: the name of a preset, your own ones too (the command `presets` lists "
        f"them), or the file of one; or {RULE}, for the VRAM of a GPU ({LIST} shows what these set). Repeatable: one "
        "of each",
    )
    add_presets_folder(parser)


def with_presets(
    content: dict[str, Any], options: argparse.Namespace, faults: Faults
) -> tuple[dict[str, Any], list[str]]:
    """The plain settings of a file with presets over it and overrides over them, and what to tell of the presets.

    Adds the faults of presets and overrides.
    """
    overrides: list[str] = options.overrides
    whole, told = with_overrides(content, overrides, faults), list[str]()
    chosen: list[str] = []
    named = [asked for asked in options.preset if not is_vram_preset(asked)]
    sizes = [asked for asked in options.preset if is_vram_preset(asked)]
    for several in (named, sizes):
        if len(several) > 1:
            together = " and --preset ".join(several)
            faults.add(f"--preset {several[1]}", f"--preset {together} are of the same kind: choose one of them.")
    for asked in named[:1]:
        with _telling(asked, faults):
            preset = find_by_name_or_file(asked, own_folders(options.presets_folder))
            values = values_over(preset, content)
            chosen += [f"{name}={value}" for name, value in values.items()]
            told.append(_told(asked, values))
            whole = with_overrides(content, [*chosen, *overrides], Faults())
    for asked in sizes[:1]:
        with _telling(asked, faults):
            chosen += vram_overrides(resolved(as_far_as_valid(whole)), asked)
            whole = with_overrides(content, [*chosen, *overrides], Faults())
            told.append(about_vram_preset(resolved(as_far_as_valid(whole)), asked))
    return whole, told


def find_by_name_or_file(asked: str, folders: Sequence[Path]) -> Preset:
    """One that comes with SD Fine-Tune, one's own in one of the folders, or that of a file.

    Raises:
        UserError: there is none, there are several, or it cannot be read.
    """
    if asked.lower().endswith(ENDING) or Path(asked).name != asked:
        return read_preset(Path(asked))
    kept = [each for each in all_presets(*folders) if each.key == asked]
    if not kept:
        raise UserError(f'--preset "{asked}" is not valid{_way_out(asked, folders)}')
    if len(kept) > 1:
        places = " and ".join(str(each.path) for each in kept)
        raise UserError(f'--preset "{asked}" is the name of {places}: give the path of one of them.')
    if kept[0].preset is None:
        raise UserError(kept[0].fault)
    return kept[0].preset


def _way_out(asked: str, folders: Sequence[Path]) -> str:
    """What to do in place of a name that no preset has."""
    near = meant(asked, sorted({kept.key for kept in all_presets(*folders)}))
    if near:
        return f"{near} The command presets lists all."
    return f": use a name that the command presets lists, a file that ends with {ENDING}, or {RULE}."


@contextmanager
def _telling(asked: str, faults: Faults) -> Generator[None, None, None]:
    """A preset's fault is told with those of the settings."""
    try:
        yield
    except UserError as error:
        faults.add(f"--preset {asked}", str(error))


def values_over(preset: Preset, content: Mapping[str, Any]) -> dict[str, str]:
    """What a preset changes in plain settings, by full name, as JSON."""
    return {name: json.dumps(change.now) for name, change in changes_of(preset, content).items()}


def _told(asked: str, values: Mapping[str, str]) -> str:
    set_to = ", ".join(f"{name} = {value}" for name, value in values.items())
    return f"preset {asked}: {set_to or 'changes nothing'}"
