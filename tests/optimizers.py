"""The optimizers as rows of tests: a learning rate each, at which a few steps show."""

from __future__ import annotations

from typing import Any

LEARNING_RATES = {
    "adamw": 1e-2,
    "prodigy": 1.0,
    "adamw_schedule_free": 1e-2,
}


def optimizer_changes(name: str) -> dict[str, Any]:
    """What chooses an optimizer, with its learning rate for all that is trained, by the option's full name."""
    names = ("train.unet_learning_rate", "train.text_encoder_learning_rate", "textual_inversion.learning_rate")
    return {"optimizer.name": name, **dict.fromkeys(names, LEARNING_RATES[name])}
