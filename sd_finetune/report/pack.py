"""Packs what a bug report needs of a run into one zip file."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path

from .. import __version__
from ..errors import UserError
from ..runs.atomic import replacing
from ..runs.folder import RunFolder
from .sections import LeftOut, Section, damaged_lines, sections

CONTENTS = """SD Fine-Tune {version}: report of a run

In this file: {packed}
{missing}

{private}
Read through it before you pass it on.
"""


def pack_report(run: RunFolder, out: Path, with_prompts: bool = False, with_samples: bool = False) -> Mapping[str, str]:
    """Write the report of a run to the file `out`, whole or not at all; why something is missing, by its name.

    Args:
        with_prompts: prompts, captions, trigger words, notes and names stay as they are.
        with_samples: the samples go along.

    Raises:
        UserError: the folder holds nothing of a run, or `out` cannot be written.
    """
    _refuse_no_run(run)
    packed: dict[str, str | bytes] = {}
    missing: dict[str, str] = {}
    for name, section in sections(run, with_prompts, with_samples).items():
        content = _read(section)
        if isinstance(content, _Missing):
            missing[name] = content.why
        else:
            packed[name] = content
    for path in (run.events, run.commands):
        damaged = damaged_lines(path)
        if damaged:
            missing[f"lines of {path.name}"] = f"{damaged} are damaged"
    packed["report.txt"] = _contents(packed, missing, with_prompts, with_samples)
    with replacing(out) as unfinished, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in sorted(packed.items()):
            file.writestr(name, content)
    return missing


class _Missing:
    def __init__(self, why: str) -> None:
        self.why = why


def _read(section: Section) -> str | bytes | _Missing:
    try:
        return section()
    except FileNotFoundError:
        return _Missing("not found")
    except OSError as error:
        return _Missing(f"cannot be read ({error.strerror})")
    except LeftOut as error:
        return _Missing(f"left out: {error}")
    except ValueError:
        return _Missing("damaged")


def _refuse_no_run(run: RunFolder) -> None:
    """Raise UserError unless the folder has at least one file of a run."""
    if not run.path.is_dir():
        raise UserError(f"{run.path} is not a folder: give a run's folder, as in runs/dog-001.")
    files = (run.settings, run.base, run.about, run.events, run.commands, run.loss_csv, run.log)
    if not any(file.is_file() for file in files):
        names = ", ".join(file.name for file in files)
        raise UserError(f"{run.path} has none of {names}: give a run's folder, as in runs/dog-001.")


def _contents(packed: Collection[str], missing: Mapping[str, str], with_prompts: bool, with_samples: bool) -> str:
    replaced = "" if with_prompts else "Prompts, captions, trigger words, notes and names are replaced.\n"
    images = "Samples are in it, no other image." if with_samples else "No image is in it."
    return CONTENTS.format(
        version=__version__,
        packed=", ".join(sorted(packed)),
        missing="\n".join(f"Missing: {name}, {why}" for name, why in missing.items()) or "Nothing is missing.",
        private=f"{replaced}User names and folders are replaced: ~ is a home folder, <folder> any other.\n{images}",
    )
