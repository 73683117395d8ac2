"""The file that names the caption command: whoever may write it may run programs, so it is only ever read here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from ...errors import UserError
from ...settings.toml import load_toml
from .command import DEFAULT_SECONDS, Command

NAME = "captioner.toml"
GROUP, WORDS, SECONDS = "captioner", "command", "timeout"


def command_in(file: Path) -> Command | None:
    """The command that the file names, started in the file's folder; None without a file. Raises UserError."""
    if not file.exists():
        return None
    table = load_toml(file).get(GROUP)
    if not isinstance(table, dict):
        raise UserError(f'{file} names no command: write [{GROUP}] and {WORDS} = ["python", "caption.py"] into it.')
    options = cast("dict[str, Any]", table)
    unknown = options.keys() - {WORDS, SECONDS}
    if unknown:
        raise UserError(f"{file}: {GROUP}.{min(unknown)} is not an option: use {WORDS} and {SECONDS}.")
    return Command(_words(file, options.get(WORDS)), file.parent.absolute(), _seconds(file, options.get(SECONDS)))


def _words(file: Path, value: Any) -> tuple[str, ...]:
    words = cast("list[Any]", value) if isinstance(value, list) else []
    if not words or not all(isinstance(word, str) for word in words):
        raise UserError(
            f"{file}: {GROUP}.{WORDS} is not a list of texts: write the program and each argument, "
            'as ["python", "caption.py"].'
        )
    return tuple(map(str, words))


def _seconds(file: Path, value: Any) -> float:
    if value is None:
        return DEFAULT_SECONDS
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise UserError(f"{file}: {GROUP}.{SECONDS} = {value!r} is out of range: use seconds, more than 0.")
    return float(value)
