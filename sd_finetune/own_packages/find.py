"""Which packages our processes find, told without importing any, also where the folder is not on the path."""

from __future__ import annotations

import importlib.util
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder

from .folder import own_packages


def find_spec(package: str) -> ModuleSpec | None:
    """Where our processes import a package from; None if they cannot."""
    folder = own_packages()
    own = None if folder is None else PathFinder.find_spec(package, [str(folder)])
    return own or importlib.util.find_spec(package)


def installed_version(package: str) -> str | None:
    """The version that our processes use; None if it is not installed."""
    folder = own_packages()
    own = [] if folder is None else [each.version for each in metadata.distributions(name=package, path=[str(folder)])]
    try:
        return own[0] if own else metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
