"""A package of ours for a process that is not ours, under a name that nobody else imports."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

from .folder import own_packages


def private_module(name: str) -> ModuleType | None:
    """A package written in Python, with relative imports alone, as a module of ours; None if it is not installed.

    Where our folder lacks it, it is the one that is installed.
    """
    alias = f"{__package__}.private_{name}"
    if alias in sys.modules:
        return sys.modules[alias]
    folder = own_packages()
    file = None if folder is None else folder / name / "__init__.py"
    if file is None or not file.is_file():
        return _installed(name)
    spec = spec_from_file_location(alias, file, submodule_search_locations=[str(file.parent)])
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[alias] = module
    spec.loader.exec_module(module)
    return module


def _installed(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return None
