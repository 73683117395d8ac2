"""Which packages our processes find, told without importing any, also where the folder is not on the path."""

from __future__ import annotations

import importlib.util
from contextlib import suppress
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder

from .folder import own_packages
from .optional import extra_folders


def find_spec(package: str) -> ModuleSpec | None:
    """Where our processes import a package from; None if they cannot."""
    folder = own_packages()
    own = None if folder is None else PathFinder.find_spec(package, [str(folder)])
    return own or _host_spec(package) or PathFinder.find_spec(package, [*map(str, extra_folders())])


def _host_spec(package: str) -> ModuleSpec | None:
    """That of the host's Python, whatever its process has in place of the module.

    Without --xformers the WebUI has None there for xformers, which says nothing about our processes.
    """
    found = PathFinder.find_spec(package)
    if found is None:  # editable installations have finders of their own
        with suppress(ValueError):  # what is there was not imported from anywhere
            found = importlib.util.find_spec(package)
    return found


def installed_version(package: str) -> str | None:
    """The version that our processes use; None if it is not installed."""
    folder = own_packages()
    own = [] if folder is None else [each.version for each in metadata.distributions(name=package, path=[str(folder)])]
    if own:
        return own[0]
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        extra = metadata.distributions(name=package, path=[*map(str, extra_folders())])
        return next((each.version for each in extra), None)
