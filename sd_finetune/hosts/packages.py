"""Packages that training needs beside the WebUI's own, found without importing any of them."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

from ..runs.about import installed_version

ADDED = ("diffusers", "matplotlib", "psutil", "PyYAML", "tqdm", "tomli")
"""Packages that may be added. All others are the WebUI's: where one of those is missing, the WebUI installs it."""
OLDEST_DIFFUSERS = (0, 29, 2)
NEW_TRANSFORMERS = (4, 46)
# Measured: with the WebUI's transformers 4.30.2 diffusers 0.31 cannot be imported any more.
FIRST_TOO_NEW_DIFFUSERS = {False: (0, 31), True: (0, 32)}
"""By whether transformers is a new one."""


def missing(requirements: Path) -> list[str]:
    """What pip is to install, as "name==version" from a file of versions, such as requirements/webui.txt."""
    lines = [line.partition("#")[0].partition(";")[0].strip() for line in requirements.read_text("utf-8").splitlines()]
    wanted = {line.partition("==")[0]: line for line in lines if line}
    return [wanted[name] for name in _needed() if installed_version(name) is None]


def faults() -> list[str]:
    """A sentence for each package that keeps training from working, with the way out; none when all is well."""
    absent = [name for name in _needed() if installed_version(name) is None]
    sentences: list[str] = []
    if absent:
        sentences.append(
            f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not installed, which training needs: "
            "connect to the internet and start the WebUI without --skip-install; its console shows what pip said."
        )
    found, oldest, too_new = installed_version("diffusers"), OLDEST_DIFFUSERS, _first_too_new()
    if found is not None and not oldest <= version_numbers(found) < too_new:
        sentences.append(
            f"diffusers {found} is installed, perhaps by another extension, and training needs "
            f"{'.'.join(map(str, oldest))} or newer, but older than {'.'.join(map(str, too_new))}: uninstall it (pip "
            "uninstall diffusers) and restart the WebUI."
        )
    return sentences


def installed_versions() -> list[str]:
    """Every installed package as "name==version": constraints under which pip can add, but change nothing."""
    found = {each.metadata["Name"]: each.version for each in metadata.distributions()}
    return sorted(f"{name}=={number}" for name, number in found.items() if name and number)


def version_numbers(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: (0, 31, 0) of "0.31.0.dev0"."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()


def _needed() -> list[str]:
    return [name for name in ADDED if name != "tomli" or sys.version_info < (3, 11)]


def _first_too_new() -> tuple[int, ...]:
    return FIRST_TOO_NEW_DIFFUSERS[version_numbers(installed_version("transformers") or "") >= NEW_TRANSFORMERS]
