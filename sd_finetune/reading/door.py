"""Opening what somebody else wrote, and the sentence for whatever comes out of it.

@reader: a function of a path whose every failure becomes a UserError that names the file
open_regular(path) -> binary file; refuses folders, devices, pipes and sockets
read_text(path, most=MOST_TEXT_BYTES) -> str
parse_json(text) -> value; ValueError, also for what is nested too deep
is_deep(value, most=MOST_DEPTH) -> bool
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO, Concatenate, ParamSpec, TypeVar, cast

from ..errors import UserError

MOST_TEXT_BYTES = 1 << 20
"""Of a file that people write by hand: settings, a config."""
MOST_DEPTH = 32
"""Tables and lists inside each other; those of settings and model files have five."""
KINDS_OF_FILES: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip

P = ParamSpec("P")
Result = TypeVar("Result")
READERS: dict[str, Callable[..., Any]] = {}
"""All readers by their full name, so that a test can try every one."""


def reader(function: Callable[Concatenate[Path, P], Result]) -> Callable[Concatenate[Path, P], Result]:
    """Turn whatever the function raises into a UserError about the file, its first argument.

    A damaged or hostile file can fail anywhere, with any exception; what cannot be read is never more than that.
    """

    @wraps(function)
    def read(path: Path, /, *args: P.args, **kwargs: P.kwargs) -> Result:
        try:
            return function(path, *args, **kwargs)
        except UserError:
            raise
        except MemoryError as error:
            raise UserError(f"{path} needs more memory than there is: close other programs, then retry.") from error
        except OSError as error:
            raise _unreadable(path, error) from error
        except Exception as error:
            raise damaged(path) from error

    READERS[f"{function.__module__}.{function.__qualname__}"] = read
    return read


def damaged(path: Path) -> UserError:
    """For a file that does not hold what its beginning promises."""
    return UserError(f"{path} is incomplete or damaged: copy or download it again.")


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path} cannot be read ({error.strerror or error}): check its permissions and its disk.")


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading, if it is one: reading a pipe or a device may never end.

    Raises:
        UserError: there is no such file, or it is something else.
    """
    try:
        _refuse_unless_regular(path, path.stat().st_mode)
        file = path.open("rb")
    except (FileNotFoundError, ValueError, NotADirectoryError) as error:  # ValueError: a name with a null character
        raise UserError(f"File {path!s} not found: check the path.") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    _refuse_unless_regular(path, os.fstat(file.fileno()).st_mode)
    return file


def _refuse_unless_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = next((words for is_one, words in KINDS_OF_FILES if is_one(mode)), "no regular file")
        raise UserError(f"{path} is {kind}: choose a file.")


def read_text(path: Path, most: int = MOST_TEXT_BYTES) -> str:
    """The text of a file, without a byte order mark.

    Raises:
        UserError: it cannot be read, is longer than `most` bytes, or is not UTF-8.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UserError(f"{path} is longer than {most:,} bytes: choose the right file.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text: choose the right file, or save it in that encoding.") from error


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON, or is nested deeper than MOST_DEPTH.
    """
    try:
        value: Any = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if is_deep(value):
        raise ValueError("nested too deep")
    return value


def is_deep(value: Any, most: int = MOST_DEPTH) -> bool:
    """Whether tables and lists stand inside each other more than `most` levels deep, or go in a circle."""
    level = [value]
    for _ in range(most):
        inner = {id(each): each for outer in level for each in _inside(outer)}  # each once, however often it is shared
        level = list(inner.values())
        if not level:
            return False
    return True


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [each for each in cast("dict[Any, Any]", value).values() if isinstance(each, (dict, list, tuple))]
    if isinstance(value, (list, tuple)):
        return [each for each in cast("list[Any]", value) if isinstance(each, (dict, list, tuple))]
    return []
