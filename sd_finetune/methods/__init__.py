"""The methods: one file each, named as in the table of `settings.methods`, which also names the class in it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from ..families.parts import ModelParts
from ..formats.checkpoint import Checkpoint
from ..formats.identify import refuse_unless
from ..settings.methods import METHODS
from ..settings.options import Settings
from .method import Method


def check_method(parts: ModelParts, settings: Settings, base: Checkpoint) -> None:
    """Raise UserError if a file that the settings go on from is of another kind, or something does not fit `parts`."""
    if settings.base.continue_from:
        refuse_unless(Path(settings.base.continue_from), settings.artefact(), "base.continue_from")
    method_class(settings.method).check(parts, settings, base)


def attach_method(parts: ModelParts, settings: Settings, base: Checkpoint) -> Method:
    """The method that the settings name, at work on `parts`, the modules of `base`."""
    return method_class(settings.method)(parts, settings, base)


def method_class(name: str) -> type[Method]:
    """The class of the method that `settings.method` calls `name`."""
    return getattr(import_module(f".{name}", __name__), METHODS[name].implementation)
