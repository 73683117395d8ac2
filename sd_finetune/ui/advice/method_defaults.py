"""Values that follow the method: a rate that suits a LoRA ruins a checkpoint, and the toy needs rates of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...settings.methods import METHODS
from ...settings.read import read_toml, to_dict

FOLLOWS_METHOD = (
    "train.unet_learning_rate",
    "train.text_encoder_learning_rate",
    "train.train_text_encoder",
    "train.snr_gamma",
    "optimizer.weight_decay",
    "prior.weight",
)
LENGTH = "train.length"
"""A hypernetwork of the toy needs more steps than the rest."""
SHAPES = {
    "hypernetwork": ("layer_structure", "activation", "initialization"),
    "textual_inversion": ("vectors", "learning_rate"),
}
"""Options of a method's own that the toy needs otherwise than by default."""


def suited(checkpoint: Path, lesson: Path | None) -> dict[str, dict[str, Any]]:
    """For each method the values that suit a checkpoint, by the option's name; none are known but for the lesson's.

    lesson: settings of one method for the toy, beside which lie those of the others.
    """
    if lesson is None:
        return {}
    files = {method: lesson.with_name(f"{method.replace('_', '-')}.toml") for method in METHODS}
    lessons = {method: to_dict(read_toml(file)) for method, file in files.items() if file.is_file()}
    if all(Path(settings["base"]["checkpoint"]).name != checkpoint.name for settings in lessons.values()):
        return {}
    return {method: _values(method, settings) for method, settings in lessons.items()}


def _values(method: str, settings: dict[str, Any]) -> dict[str, Any]:
    names = [*FOLLOWS_METHOD, LENGTH, *(f"{method}.{option}" for option in SHAPES.get(method, ()))]
    parts = {name: name.partition(".") for name in names}
    return {name: settings[group][option] for name, (group, _, option) in parts.items() if option in settings[group]}
