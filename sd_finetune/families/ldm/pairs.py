"""Pairs of tensor names: diffusers' (in the modules) and LDM's (in a file), without the beginnings of the parts."""

from __future__ import annotations

from collections.abc import Iterator

Pair = tuple[str, str]
"""A diffusers name and an LDM name."""


def with_bias(*layers: Pair) -> Iterator[Pair]:
    """The weight and the bias of each layer."""
    for name, ldm in layers:
        for kind in ("weight", "bias"):
            yield f"{name}.{kind}", f"{ldm}.{kind}"
