"""Values that follow the method: the learning rate of a LoRA ruins a checkpoint, and the toy needs its own."""

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
    "prior.source",
)
LENGTH = "train.length"
"""A hypernetwork of the toy needs more steps than the rest."""
SHAPES = {
    "hypernetwork": ("layer_structure", "activation", "initialization"),
    "textual_inversion": ("vectors", "learning_rate"),
}
"""Options of a method's own that the toy needs otherwise than by default."""


def method_defaults(checkpoint: Path, example: Path | None) -> dict[str, dict[str, Any]]:
    """For each method the values that suit a checkpoint, by the option's name; known of the example's own only.

    example: settings of one method for the toy, beside which lie those of the others.
    """
    if example is None:
        return {}
    files = {method: example.with_name(f"{method.replace('_', '-')}.toml") for method in METHODS}
    examples = {method: to_dict(read_toml(file)) for method, file in files.items() if file.is_file()}
    if all(Path(settings["base"]["checkpoint"]).name != checkpoint.name for settings in examples.values()):
        return {}
    return {method: _values(method, settings) for method, settings in examples.items()}


def _values(method: str, settings: dict[str, Any]) -> dict[str, Any]:
    names = [*FOLLOWS_METHOD, LENGTH, *(f"{method}.{option}" for option in SHAPES.get(method, ()))]
    parts = {name: name.partition(".") for name in names}
    return {name: settings[group][option] for name, (group, _, option) in parts.items() if option in settings[group]}
