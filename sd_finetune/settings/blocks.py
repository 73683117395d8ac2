"""Values for blocks of a model, by the beginnings of their layers' names: "down_blocks = 4, up_blocks.1 = 32"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate

from .numbers import parse_number

UNET = "unet"


def block_values(text: str) -> dict[str, float]:
    """The values by beginning.

    Raises:
        ValueError: it is not written in this way, or a beginning comes twice.
    """
    found: dict[str, float] = {}
    for entry in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = entry.partition("=")
        name, number = name.strip(), parse_number(value.strip())
        if not equals or not name or name in found or number < 0:
            raise ValueError(f"{entry!r} is not a block and its value")
        found[name] = number
    return found


def beginning_of(part: str, path: str, names: Mapping[str, float]) -> str:
    """The longest of `names` that the layer at `path` in a part begins with; "" if none is."""
    whole = f"{part}.{path}"
    ways = (whole, path) if part == UNET else (whole,)
    return max((start for own in ways for start in _beginnings(own) if start in names), key=len, default="")


def _beginnings(path: str) -> Iterator[str]:
    """ "a", "a.b" and "a.b.c" of "a.b.c"."""
    return accumulate(path.split("."), "{}.{}".format)
