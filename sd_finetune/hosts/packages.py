"""What keeps training from working inside a WebUI, found without importing any package."""

from __future__ import annotations

import re
import sys

from ..own_packages.find import installed_version
from ..own_packages.folder import HOME, NEWEST_PYTHON, OLDEST_PYTHON, own_packages

OLDEST_TORCH = (2, 1, 2)


def faults() -> list[str]:
    """A sentence for each fault, with the way out; none when all is well."""
    return [fault for fault in (_python_fault(), _folder_fault(), _torch_fault()) if fault]


def _python_fault() -> str:
    if OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON:
        return ""
    return (
        f"The WebUI runs on Python {sys.version_info[0]}.{sys.version_info[1]}, and training needs one from "
        f"{_dotted(OLDEST_PYTHON)} to {_dotted(NEWEST_PYTHON)}: install the WebUI with one of those."
    )


def _folder_fault() -> str:
    if _python_fault() or own_packages() is not None:
        return ""
    return (
        "The packages that training needs are not installed, or not completely: connect to the internet and restart "
        "the WebUI without --skip-install (its console shows what pip said), or run "
        f'"{sys.executable}" "{HOME / "install.py"}" packages and reload this page; without a network, see '
        "docs/installation.md."
    )


def _torch_fault() -> str:
    found = installed_version("torch")
    if found is None:
        return "torch is not installed, which training needs: install the WebUI anew."
    if _numbers(found) >= OLDEST_TORCH:
        return ""
    return f"torch {found} is installed, and training needs {_dotted(OLDEST_TORCH)} or newer: update the WebUI."


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: (2, 1, 2) of "2.1.2+cu121"."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
