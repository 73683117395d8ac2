"""Types of arguments."""

from __future__ import annotations

import argparse
import math
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


def number(least: float, most: float = math.inf) -> Callable[[str], float]:
    """An argument type for numbers in a range."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most or math.isinf(value):
            to = f"a number from {least:g} to {most:g}" if most < math.inf else f"a number, {least:g} or more"
            raise argparse.ArgumentTypeError(f"{text} is out of range: use {to}")
        return value

    return read


def regular_expression(text: str) -> str:
    """An argument type for patterns of layers' names, as lora.pattern."""
    if fault := pattern_fault(text):
        raise argparse.ArgumentTypeError(f'"{text}" {fault}')
    return text
