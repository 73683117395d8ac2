"""The optimizers as rows of tests: a learning rate each, at which a few steps show."""

from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.settings.availability import why_unavailable
from sd_finetune.settings.optimizers import OPTIMIZERS

SHORTER = {"came": 1e-3}
"""Learning rates of those that go too far with 0.01."""
LEARNING_RATES = {name: SHORTER.get(name, 1.0 if facts.multiplies else 1e-2) for name, facts in OPTIMIZERS.items()}
OTHER_OPTIONS = {"beta1": 0.7, "beta2": 0.6, "beta3": 0.8, "eps": 1e-4, "weight_decay": 0.3}
"""Values that are not the defaults, of those options that an optimizer may use."""


def marks_of(name: str) -> list[pytest.MarkDecorator]:
    """Skips the tests of an optimizer that cannot be used here, and says why."""
    unavailable = why_unavailable("optimizer.name", name, on_gpu=False)
    return [pytest.mark.skipif(bool(unavailable), reason=unavailable)]


ROW = pytest.mark.parametrize("name", [pytest.param(name, marks=marks_of(name)) for name in OPTIMIZERS])


def optimizer_changes(name: str) -> dict[str, Any]:
    """What chooses an optimizer, with its learning rate for all that is trained, by the option's full name."""
    names = ("train.unet_learning_rate", "train.text_encoder_learning_rate", "textual_inversion.learning_rate")
    return {"optimizer.name": name, **dict.fromkeys(names, LEARNING_RATES[name])}


def other_options(name: str) -> dict[str, float]:
    """Those of OTHER_OPTIONS that the optimizer uses."""
    return {option: value for option, value in OTHER_OPTIONS.items() if option in OPTIMIZERS[name].options}
