"""Paths in texts, and what is shown in their place: `~`, or `<folder>` and the last name."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

PACKAGE = Path(__file__).parents[1]

PRIVATE_NAMES = (
    "png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff", "avif", "heic", "heif", "jxl", "txt", "caption",
)  # fmt: skip
"""Endings of images and captions: without a caption file, the name of an image is its caption."""

_LABEL = r"<(?!folder)[a-z]+(?: [a-z0-9]+)?>"
_START = (
    r"(?:<folder>[\\/]"  # a known folder, already replaced
    r"|(?<![A-Za-z])[A-Za-z]:[\\/]"
    r"|(?<=file://)/"
    r"|(?<![\w.<>~/\\])(?:~[\\/]|\\\\(?=\w)|/(?=[^\s/\\])))"
)
_FOLDERS = rf"(?:(?:[^\"'\r\n:<>]|{_LABEL})*[\\/])?"  # with spaces, as far as there is another separator
_NAME = (
    rf"(?:(?:[^\"'\r\n:<>\\/]|{_LABEL})*?\.(?:{'|'.join(PRIVATE_NAMES)})\b"  # with spaces too
    rf"|(?:[^\s\"':<>,;)\\/]|{_LABEL})*)"
)
_PATH = re.compile(_START + _FOLDERS + _NAME, re.IGNORECASE)
_HOME = re.compile(r"(?:(?:^|(?<=[^A-Za-z]))[A-Za-z]:)?[\\/]+(?:home|Users)[\\/]+[^\\/\"'\r\n:<>]+(?=[\\/])")


def homes_in(text: str) -> set[str]:
    """The home folders of anybody that a text names, as "/home/joe" and "C:\\Users\\Joe Doe"."""
    return set(_HOME.findall(text))


def without_known(text: str, folders: Collection[str], homes: Collection[str]) -> str:
    """`text` with these paths replaced, whatever signs and spaces they have; what is inside them is left."""
    forms = {form: path for path in (*folders, *homes) for form in _forms(path)}
    if not forms:
        return text
    longest_first = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    known = {form.lower(): shown_path(path, homes) for form, path in forms.items()}

    def shown(match: re.Match[str]) -> str:
        return "<folder>/" if match["inside"] else known[match["path"].lower()]

    return re.sub(rf"(?P<path>{longest_first})(?:(?P<inside>[\\/])|(?!\w))", shown, text, flags=re.IGNORECASE)


def without_paths(text: str, homes: Collection[str]) -> str:
    """`text` with every absolute path replaced; names of modules of Python and of packages stay."""
    return _PATH.sub(lambda match: shown_path(match[0], homes), text)


def shown_path(path: str, homes: Collection[str] = ()) -> str:
    """What is shown of a path: its last name, of an image or caption only the ending."""
    parts = [part for part in re.split(r"[\\/]+", path) if part]
    code = _module(parts)
    if code:
        return code
    in_homes = len(parts) > 1 and parts[-2].lower() in ("home", "users")
    if in_homes or parts == ["~"] or path.rstrip("\\/") in homes:
        return "~"
    if not parts or parts == ["<folder>"] or re.fullmatch("[A-Za-z]:", parts[-1]):
        return "<folder>"
    stem, dot, ending = parts[-1].rpartition(".")
    name = f"<image>.{ending}" if dot and stem and ending.lower() in PRIVATE_NAMES else parts[-1]
    return f"<folder>/{name}"


def _module(parts: list[str]) -> str:
    """A file of Python, of a package or of ours, from where it is the same on every machine; "" if it is none."""
    for number in range(len(parts) - 1, 0, -1):
        folder, rest = parts[number - 1], parts[number:]
        if folder == "site-packages":
            return "/".join(["<site-packages>", *rest])
        if folder == PACKAGE.name and PACKAGE.joinpath(*rest).is_file():
            return "/".join([folder, *rest])
        if re.fullmatch(r"python3\.\d+", folder) and rest[0] != "site-packages" and rest[-1].endswith(".py"):
            return "/".join(["<python>", *rest])
    return ""


def _forms(path: str) -> set[str]:
    """As it is, as Python's repr writes it, and with the other separator; what is too short to be told is left out."""
    bare = path.rstrip("\\/")
    return {form for form in (bare, bare.replace("\\", "\\\\"), bare.replace("\\", "/")) if len(form) > 3}
