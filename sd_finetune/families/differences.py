"""In what two models differ; needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .family import Architecture


def first_difference(one: Architecture, other: Architecture, parts: Sequence[str]) -> str:
    """The first difference of two architectures, in these parts of a model or in its noise; "" if there is none.

    As in "unet: model_channels 320 and 384".
    """
    if one.sizes.keys() != other.sizes.keys():
        return f"parts: {', '.join(one.sizes)} and {', '.join(other.sizes)}"
    for part in parts:
        sizes, others = vars(one.sizes[part]), vars(other.sizes[part])
        for name, value in sizes.items():
            if others[name] != value:
                return f"{part}: {name} {value} and {others[name]}"
    for name in ("prediction_type", "zero_terminal_snr"):
        if getattr(one, name) != getattr(other, name):
            return f"{name}: {getattr(one, name)} and {getattr(other, name)}"
    return ""
