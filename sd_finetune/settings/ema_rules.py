"""Rules of the moving average of the trained weights."""

from __future__ import annotations

from collections.abc import Iterator

from .faults import Broken
from .optimizers import OPTIMIZERS
from .options import Settings


def one_average(settings: Settings) -> Iterator[Broken]:
    """Of an optimizer that averages weights by itself there is no second average."""
    name, decay = settings.optimizer.name, settings.ema.decay
    if decay and OPTIMIZERS[name].averages:
        sentence = f'optimizer.name = "{name}" averages the weights itself, which ema.decay = {decay:g} would do again'
        yield ("ema.decay", "optimizer.name"), f"{sentence}: set ema.decay = 0, or choose another optimizer."
