"""The classes of the algorithms in the table of `settings.algorithms`, and which one a file's tensors are of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from torch import Tensor

from ..settings.algorithms import ALGORITHMS, algorithm_with
from .change import Change
from .dora import StoredChange, with_magnitude


@cache
def change_class(algorithm: str) -> type[Change]:
    """The class in `low_rank/NAME.py`."""
    return getattr(import_module(f".{algorithm}", __package__), ALGORITHMS[algorithm].implementation)


def algorithm_of(change: StoredChange) -> str:
    """The name of its row."""
    own = type(change) if isinstance(change, Change) else type(change.change)
    return next(name for name in ALGORITHMS if change_class(name) is own)


def read_change(tensors: Mapping[str, Tensor], alpha: float | None) -> StoredChange | None:
    """Of a layer's tensors in a file, by what follows its name; None if they are of no algorithm here.

    Raises:
        ValueError: they are incomplete or do not fit together; says why, as the rest of a sentence.
    """
    name = algorithm_with(tensors)
    return with_magnitude(change_class(name).of(tensors, alpha), tensors) if name else None
