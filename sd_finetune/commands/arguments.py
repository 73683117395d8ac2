"""Types of arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from ..settings.patterns import pattern_fault


def whole_number(least: int, most: int, multiple_of: int = 1) -> Callable[[str], int]:
    """An argument type for whole numbers in a range."""

    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most or int(text) % multiple_of:
            step = f", a multiple of {multiple_of}" if multiple_of > 1 else ""
            raise argparse.ArgumentTypeError(f"{text} is out of range: use a whole number from {least} to {most}{step}")
        return int(text)

    return read


def regular_expression(text: str) -> str:
    """An argument type for patterns of layers' names, as lora.pattern."""
    if fault := pattern_fault(text):
        raise argparse.ArgumentTypeError(f'"{text}" {fault}')
    return text
