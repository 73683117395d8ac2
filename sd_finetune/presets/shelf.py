"""Where presets are: ours in the package, a person's own in a folder of theirs. A file's name is the preset's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from ..errors import UserError
from ..runs.atomic import is_taken, replacing
from ..settings.methods import ALL_METHODS
from ..settings.rules import file_name_rule, is_file_name
from .preset import ENDING, Preset, parse_preset, read_preset, text_of

OURS = Path(__file__).parent / "files"
FOLDER = "presets"
"""Of a person's own, in the tab's data folder."""
MOST_OWN = 1000
"""Files that are looked at in a person's folder."""


@dataclass(frozen=True)
class Kept:
    """A preset's file. own: whether it is a person's. preset: None where it cannot be read, `fault` says why."""

    key: str
    path: Path
    own: bool
    preset: Preset | None
    fault: str = ""


@cache
def our_presets() -> tuple[Kept, ...]:
    """Those of the package, by method; the first of a method is its default one."""
    found = [Kept(path.stem, path, False, read_preset(path)) for path in sorted(OURS.glob(f"*{ENDING}"))]
    return tuple(sorted(found, key=_order))


def own_presets(folder: Path) -> list[Kept]:
    """A person's, by name; also those that cannot be read."""
    return [_own(path) for path in _files(folder)]


def all_presets(*folders: Path) -> list[Kept]:
    """Ours, then the person's own in these folders."""
    return [*our_presets(), *(kept for folder in folders for kept in own_presets(folder))]


def find_preset(key: str, folder: Path | None = None) -> Kept:
    """The one of that name, a person's own in `folder`. Raises UserError if there is none."""
    ours = next((kept for kept in our_presets() if kept.key == key), None)
    if ours:
        return ours
    path = next((path for path in _files(folder) if _key_of(path) == key), None) if folder else None
    if path:
        return _own(path)
    raise UserError(f'There is no preset "{key[:100]}": choose one of the list.')


def own_preset(key: str, folder: Path) -> Kept:
    """The same, if it is a person's own."""
    found = find_preset(key, folder)
    if not found.own:
        raise UserError(f'"{key}" comes with SD Fine-Tune: save another one under a name of your own.')
    return found


def revision_of(folder: Path) -> str:
    """Another one after each change of a person's presets; what it says means nothing."""
    return "|".join(f"{path.stem}:{_changed(path):x}" for path in _files(folder))


def save_preset(preset: Preset, folder: Path, instead: bool = False) -> Kept:
    """Keep a person's own preset. instead: of the one of that name. Raises UserError if there is one, otherwise."""
    path = _place(preset.name, folder)
    if is_taken(path) and not instead:
        raise UserError(f'There is a preset "{preset.name}" already: use another name, or delete that one.')
    with replacing(path) as unfinished:
        unfinished.write_text(text_of(preset), encoding="utf-8")
    return _own(path)


def add_preset(text: str, file: str, folder: Path) -> Kept:
    """Keep the text of somebody's file. A name that is taken gets a number. Raises UserError for what is no preset."""
    preset = parse_preset(Path(Path(file).name or "preset.toml"), text)
    name, number = preset.name, 1
    while name in {kept.key for kept in our_presets()} or is_taken(_place(name, folder)):
        number += 1
        name = f"{preset.name} ({number})"
    return save_preset(replace(preset, name=name), folder)


def delete_preset(key: str, folder: Path) -> None:
    """Remove a person's own preset. Raises UserError if there is none."""
    own_preset(key, folder).path.unlink(missing_ok=True)


def _own(path: Path) -> Kept:
    if not is_file_name(path.stem):
        return Kept(path.stem, path, True, None, f"{path}: rename it, {file_name_rule(path.stem)}.")
    if _comes_along(path.stem):
        rule = "a preset that comes with SD Fine-Tune has that name"
        return Kept(_key_of(path), path, True, None, f"{path}: rename it, {rule}.")
    try:
        return Kept(path.stem, path, True, replace(read_preset(path), name=path.stem))  # it may have been renamed
    except UserError as error:
        return Kept(path.stem, path, True, None, str(error))


def _key_of(path: Path) -> str:
    """A person's preset's: no other one has it, of ours neither."""
    return path.name if _comes_along(path.stem) else path.stem


def _comes_along(name: str) -> bool:
    return any(kept.key == name for kept in our_presets())


def _place(name: str, folder: Path) -> Path:
    if not is_file_name(name):
        raise UserError(f'"{name[:100]}" cannot be the name of a preset: {file_name_rule(name)}.')
    if _comes_along(name):
        raise UserError(f'"{name}" is a preset that comes with SD Fine-Tune: use another name.')
    return folder / f"{name}{ENDING}"


def _files(folder: Path) -> Iterator[Path]:
    try:
        files = (path for path in folder.iterdir() if path.suffix == ENDING and not path.name.startswith("."))
        found = sorted(files, key=lambda path: path.stem)
    except OSError:  # there is none, or it is closed to us
        return
    yield from found[:MOST_OWN]


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _order(kept: Kept) -> tuple[int, bool, str]:
    assert kept.preset is not None
    return ALL_METHODS.index(kept.preset.method), kept.preset.expected.time != 1, kept.key
