"""Numbers as people type them: "0.0001", "1e-4", and with a decimal comma "0,0001"."""

from __future__ import annotations

import re

THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+")
LONGEST = 40
"""Letters; no number that means something here is longer."""


def parse_number(text: str) -> float:
    """The number of a text. Raises ValueError if it is none."""
    short = text.strip()
    if len(short) > LONGEST or "_" in short:
        raise ValueError("not a number")
    return float(short.replace(",", ".") if short.count(",") == 1 and "." not in short else short)


def parse_whole_number(text: str) -> int:
    """The whole number of a text, as "1000" or "1,000". Raises ValueError if it is none."""
    short = text.strip()
    if len(short) > LONGEST or "_" in short:
        raise ValueError("not a whole number")
    return int(short.replace(",", "") if THOUSANDS.fullmatch(short) else short)


def whole_numbers(text: str) -> tuple[int, ...]:
    """The whole numbers of a list, as "768, 1024"; none in an empty text. Raises ValueError for anything else."""
    return tuple(map(parse_whole_number, text.split(","))) if text.strip() else ()
