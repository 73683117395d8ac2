"""What of the low-rank options contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator

from .algorithms import ALGORITHMS
from .blocks import block_values
from .faults import Broken
from .options import Settings
from .patterns import pattern_fault
from .unused_options import unused_options


def options_of_algorithm(settings: Settings) -> Iterator[Broken]:
    """Options that another algorithm uses, which are not as they are by default."""
    if settings.method == "lora":
        used = {name: facts.options for name, facts in ALGORITHMS.items()}
        yield from unused_options(settings.lora, "lora", "algorithm", used, "algorithm")


def pattern(settings: Settings) -> Iterator[Broken]:
    """A pattern where one is asked for, and that is one."""
    name, text = "lora.pattern", settings.lora.pattern
    if settings.method != "lora" or settings.lora.targets != "pattern":
        return
    if not text:
        yield (name, "lora.targets"), f'{name} is empty: write a regular expression like "attn2", or set lora.targets.'
    elif fault := pattern_fault(text):
        yield (name,), f'{name} = "{text}" {fault}.'


def blocks(settings: Settings) -> Iterator[Broken]:
    """Values of blocks in the way that they are written, within the range of what they stand for."""
    for own, most, whole in (("block_ranks", 1024, True), ("block_rates", 100, False)):
        name, text = f"lora.{own}", getattr(settings.lora, own)
        try:
            values = block_values(text).values()
        except ValueError:
            rule = 'use beginnings of layers\' names and numbers, like "down_blocks = 4, up_blocks.1 = 32"'
            yield (name,), f'{name} = "{text}" is not valid: {rule}.'
            continue
        if any(value > most or (whole and value % 1) or (not whole and not value) for value in values):
            rule = f"whole numbers from 0 to {most}" if whole else f"numbers above 0, up to {most}"
            yield (name,), f'{name} = "{text}" is out of range: use {rule}.'
