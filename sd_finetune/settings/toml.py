"""The one place that knows TOML, which Python reads by itself from 3.11 on."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ..errors import UserError
from ..own_packages.private import private_module
from ..reading.door import is_deep, read_text, reader

if sys.version_info >= (3, 11):
    from tomllib import loads
else:

    def loads(text: str) -> dict[str, Any]:
        """What a TOML text holds; ValueError if it is not valid. A WebUI need not have a package that reads it."""
        module: Any = private_module("tomli")
        if module is None:
            raise UserError(
                "TOML cannot be read: tomli is not installed. Restart the WebUI without --skip-install, or see "
                "docs/installation.md."
            )
        return module.loads(text)


MOST_DOTS = 50
"""In a name. Python's reader takes the square of them in time and memory."""
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_LINE = re.compile(r"at line (\d+)")
_WINDOWS = re.compile(r'^\s*[\w.-]+\s*=\s*\[?\s*"((?:[A-Za-z]:\\(?!\\)|\\\\[^\\"]+\\(?!\\))[^"\n]*"?)')
"""`name = "C:\\dogs"` or `"\\\\server\\dogs"`, with backslashes that are not doubled."""
_ESCAPED = re.compile(r'=.*?"((?=[^"]*\\)[^"\n]*"?)')
_DOT = re.compile(r'[\w"-][ \t]*\.')


def has_long_key(text: str) -> bool:
    """Whether a TOML text has a name of so many parts that it takes minutes to read."""
    pieces = re.split(r"[=,{}\[\]\n]", _STRING.sub('""', text))
    return any(piece.count(".") > MOST_DOTS and len(_DOT.findall(piece)) > MOST_DOTS for piece in pieces)


@reader
def load_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        UserError: the file cannot be read, or is not valid TOML.
    """
    return parse_toml(path, read_text(path))


def parse_toml(path: Path, text: str) -> dict[str, Any]:
    """The content of a text that is, or is to be, the TOML file `path`. Raises UserError as above."""
    if has_long_key(text):
        raise UserError(f"{path} has a name with more than {MOST_DOTS} dots: write it as group.option.")
    _refuse_backslashes(path, text)
    try:
        return loads(text)
    except ValueError as error:
        _refuse_backslashes(path, text, line_of(error))
        raise UserError(f"{path} is not valid TOML ({str(error)[:200]}): correct the file.") from error
    except RecursionError as error:
        raise UserError(f"{path} is nested too deep: use one table for each group of options.") from error


def line_of(error: ValueError) -> int:
    """The line that an error of the reader names, from 1; 0 where it names none."""
    match = _LINE.search(str(error))
    return int(match[1]) if match else 0


def _refuse_backslashes(path: Path, text: str, line: int = 0) -> None:
    """Raise UserError for a Windows path in double quotes, in which TOML reads a backslash as an escape.

    line: the one that could not be read, for any text with a backslash; without it, for what is clearly such a path.
    """
    lines = text.split("\n")
    chosen = [(line, _ESCAPED)] if 0 < line <= len(lines) else [(n, _WINDOWS) for n in range(1, len(lines) + 1)]
    for number, pattern in chosen:
        match = pattern.search(lines[number - 1])
        if match:
            written = match[1].rstrip('"')
            raise UserError(
                f'{path}, line {number}: "{written}" has backslashes, which TOML reads as escapes in double quotes: '
                f"write {_way_out(written, is_path=pattern is _WINDOWS)}."
            )


def _way_out(written: str, is_path: bool) -> str:
    """How to write a text with backslashes. written: as it stands in double quotes."""
    meant = written[:2] + written[2:].replace("\\\\", "\\")
    single = "" if "'" in meant else f"'{meant}' in single quotes, or "
    if is_path:
        return f'{single}"{meant.replace(chr(92), "/")}" with forward slashes'
    return f"{single}each backslash twice; a path can also have forward slashes"


def toml_text(content: Mapping[str, Any]) -> str:
    """Tables of plain values, and lists of such tables, as TOML."""
    pieces: list[str] = []
    for name, value in content.items():
        tables = cast("list[Any]", value) if isinstance(value, list) else [value]
        head = f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
        pieces += [
            "\n".join([head, *(f"{key} = {value_text(each)}" for key, each in table.items())]) for table in tables
        ]
    return "\n\n".join(pieces) + "\n"


def value_text(value: Any) -> str:
    """A text, number, flag or list as TOML writes it, which for these is as in JSON."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def parse_toml_value(text: str) -> Any:
    """The value of a text such as `8`, `true` or `["a", "b"]`; the text itself if it is not a TOML value."""
    if has_long_key(text):
        return text
    try:
        value = loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
    return text if is_deep(value) else value
