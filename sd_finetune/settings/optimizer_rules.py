"""Rules between the optimizer and its options."""

from __future__ import annotations

from collections.abc import Iterator

from .faults import Broken
from .optimizers import OPTIMIZERS
from .options import Settings
from .unused_options import unused_options


def options_of_optimizer(settings: Settings) -> Iterator[Broken]:
    """As many betas as it has, and an epsilon where it has one."""
    used = {name: tuple(facts.options) for name, facts in OPTIMIZERS.items()}
    yield from unused_options(settings.optimizer, "optimizer", "name", used, "optimizer")


def above_0(settings: Settings) -> Iterator[Broken]:
    """What an optimizer cannot take as 0."""
    name = settings.optimizer.name
    for option in OPTIMIZERS[name].above_0:
        if getattr(settings.optimizer, option) == 0:
            sentence = f"optimizer.{option} = 0 is out of range for {name}: use a number above 0."
            yield (f"optimizer.{option}", "optimizer.name"), sentence
