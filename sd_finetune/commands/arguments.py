"""Types of arguments."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable


def whole_number(least: int, most: int, multiple_of: int = 1) -> Callable[[str], int]:
    """An argument type for whole numbers in a range."""

    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most or int(text) % multiple_of:
            step = f", a multiple of {multiple_of}" if multiple_of > 1 else ""
            raise argparse.ArgumentTypeError(f"{text} is out of range: use a whole number from {least} to {most}{step}")
        return int(text)

    return read


def regular_expression(text: str) -> str:
    """An argument type for what `re` takes."""
    try:
        re.compile(text)
    except (re.error, RecursionError) as error:
        raise argparse.ArgumentTypeError(f'"{text}" is not a regular expression ({error})') from error
    return text
