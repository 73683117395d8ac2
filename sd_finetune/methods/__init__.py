"""The training methods: one file each, named as in the table `settings.methods`, which also has the class name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from ..families.family import DiffusionModel
from ..formats.checkpoint import Checkpoint
from ..formats.classify import refuse_unless
from ..settings.learned_words import learned_words
from ..settings.methods import METHODS
from ..settings.options import Settings
from .method import Method


def check_method(model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
    """Raise UserError if the file to continue from is of another kind, or the settings do not fit `model`."""
    words = learned_words(settings) if settings.learns_word() else ()
    files = {word.continue_option: (word.continue_from, "embedding") for word in words}
    if settings.result_kind() != "embedding":
        files["base.continue_from"] = settings.base.continue_from, settings.result_kind()
    for name, (file, kind) in files.items():
        if file:
            refuse_unless(Path(file), kind, base.family.facts, name)
    method_class(settings.method).check(model, settings, base)


def attach_method(model: DiffusionModel, settings: Settings, base: Checkpoint) -> Method:
    """The method of the settings, attached to `model`, which has the weights of `base`."""
    return method_class(settings.method)(model, settings, base)


def method_class(name: str) -> type[Method]:
    """The class of the method `name`, as in `settings.method`."""
    return getattr(import_module(f".{name}", __name__), METHODS[name].implementation)
