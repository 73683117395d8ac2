"""The methods: one file each, named as in the table of `settings.methods`, which also names the class in it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from ..families.family import DiffusionModel
from ..formats.checkpoint import Checkpoint
from ..formats.classify import refuse_unless
from ..settings.methods import METHODS
from ..settings.options import Settings
from .method import Method


def check_method(model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
    """Raise UserError if a file that the settings go on from is of another kind, or something does not fit `model`."""
    if settings.base.continue_from:
        file = Path(settings.base.continue_from)
        refuse_unless(file, settings.artefact(), base.family.facts, "base.continue_from")
    method_class(settings.method).check(model, settings, base)


def attach_method(model: DiffusionModel, settings: Settings, base: Checkpoint) -> Method:
    """The method that the settings name, at work on `model`, the modules of `base`."""
    return method_class(settings.method)(model, settings, base)


def method_class(name: str) -> type[Method]:
    """The class of the method that `settings.method` calls `name`."""
    return getattr(import_module(f".{name}", __name__), METHODS[name].implementation)
