"""Readers of arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def whole_number(least: int, most: int, multiple_of: int = 1) -> Callable[[str], int]:
    """A reader of arguments that refuses what is out of range."""

    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most or int(text) % multiple_of:
            step = f", a multiple of {multiple_of}" if multiple_of > 1 else ""
            raise argparse.ArgumentTypeError(f"{text} cannot be used: it takes {least} to {most}{step}")
        return int(text)

    return read
