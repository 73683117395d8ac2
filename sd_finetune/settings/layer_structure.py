"""Layers written as numbers, as the WebUI's Create hypernetwork tab takes them: "1, 2, 1"."""

from __future__ import annotations

from collections.abc import Sequence

LEAST_MULTIPLE, MOST_MULTIPLE = 0.05, 32
"""Range of a layer's width as a multiple of the context width."""


def numbers(text: str) -> tuple[float, ...]:
    """The numbers of a text, separated by commas; none for an empty text.

    Raises:
        ValueError: it contains something else.
    """
    return tuple(float(part) for part in text.split(",")) if text.strip() else ()


def is_layer_structure(multiples: Sequence[float]) -> bool:
    """Whether layers of these widths lead from the context width back to it."""
    in_range = all(LEAST_MULTIPLE <= multiple <= MOST_MULTIPLE for multiple in multiples)
    return len(multiples) >= 2 and multiples[0] == multiples[-1] == 1 and in_range


def is_dropout_structure(probabilities: Sequence[float], layer_structure: Sequence[float]) -> bool:
    """Whether there is a dropout probability for each width; the first is the context itself, which has none."""
    same_length = len(probabilities) == len(layer_structure)
    return same_length and probabilities[0] == 0 and all(0 <= probability < 1 for probability in probabilities)
