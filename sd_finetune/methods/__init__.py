"""The training methods: one file each, named as in the table `settings.methods`, which also has the class name."""

from __future__ import annotations

from importlib import import_module

from ..errors import UserError
from ..families.completeness import layers_among
from ..families.family import DiffusionModel
from ..formats.checkpoint import Checkpoint
from ..formats.fit.faults import faults_on
from ..formats.fit.target import Target
from ..settings.methods import METHODS
from ..settings.options import Settings
from .method import Method


def check_method(model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
    """Raise UserError if the settings, and files to continue from, do not fit `model`; a line for each fault."""
    faults = faults_on(target_of(base), settings)
    if faults:
        raise UserError("\n".join(faults.values()))
    method_class(settings.method).check(model, settings, base)


def target_of(base: Checkpoint) -> Target:
    """What settings and files to continue from are held against."""
    parts = base.family.facts.trainable_parts
    shapes = {part: {name: tuple(tensor.shape) for name, tensor in base.parts[part].items()} for part in parts}
    return Target(base.path, base.family.facts, base.architecture, layers_among(shapes))


def attach_method(model: DiffusionModel, settings: Settings, base: Checkpoint) -> Method:
    """The method of the settings, attached to `model`, which has the weights of `base`."""
    return method_class(settings.method)(model, settings, base)


def method_class(name: str) -> type[Method]:
    """The class of the method `name`, as in `settings.method`."""
    return getattr(import_module(f".{name}", __name__), METHODS[name].implementation)
