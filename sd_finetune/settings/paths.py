"""Paths as they are pasted: in quotes, with spaces around, as `file://` addresses, with `~`, with backslashes."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote, urlsplit

QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "`": "`"}
FILE = "file://"
DRIVE = re.compile(r"/[A-Za-z]:")


def has_control(path: str) -> bool:
    """Whether there is a line break or the like in a path, as TOML makes of the backslash in a Windows path."""
    return any(unicodedata.category(letter) == "Cc" for letter in path)


def pasted_path(text: str) -> str:
    """The path that is meant by `text`; what is there under just that name is meant as it stands."""
    if not text.strip() or _exists(text):
        return text if text.strip() else ""
    path = _unquoted(text.strip())
    if path.lower().startswith(FILE):
        path = _of_address(path)
    if path.startswith("~"):
        path = _expanded(path)
    return path if os.name == "nt" else _with_slashes(path)


def absolute_path(text: str, folder: Path) -> str:
    """The path that is meant, from `folder` where it is relative; one of Windows stays what it is on other systems."""
    path = pasted_path(text)
    return path if PureWindowsPath(path).is_absolute() and not _exists(str(folder / path)) else str(folder / path)


def _unquoted(text: str) -> str:
    if len(text) > 1 and QUOTES.get(text[0]) == text[-1]:
        return text[1:-1].strip()
    return text


def _of_address(text: str) -> str:
    """ "file:///home/a%20b" is "/home/a b", "file:///C:/images" is "C:/images"."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    path = unquote(parts.path)
    if DRIVE.match(path):
        return path[1:]
    elsewhere = parts.netloc.lower() not in ("", "localhost")
    return f"//{parts.netloc}{path}" if elsewhere and os.name == "nt" else path


def _expanded(path: str) -> str:
    try:
        return str(Path(path).expanduser())
    except (RuntimeError, ValueError):  # there is no such user, or no user can be called so
        return path


def _with_slashes(path: str) -> str:
    """Where a backslash separates nothing: one that a shell wrote before a space, or one of Windows."""
    if "\\" not in path or _exists(path):
        return path
    meant = (re.sub(r"\\(.)", r"\1", path), path.replace("\\", "/"))
    return next((each for each in meant if _exists(each)), path)


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long, or with a character that no path has
        return False
