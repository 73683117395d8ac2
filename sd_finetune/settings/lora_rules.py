"""What of the low-rank options contradicts itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .algorithms import ALGORITHMS, algorithms_with
from .blocks import block_values
from .faults import Broken
from .groups.lora import Lora
from .options import Settings


def options_of_algorithm(settings: Settings) -> Iterator[Broken]:
    """Options that another algorithm uses, which are not as they are by default."""
    asked, default = settings.lora, Lora()
    if settings.method != "lora":
        return
    for name in sorted({option for facts in ALGORITHMS.values() for option in facts.options}):
        value, users = getattr(asked, name), algorithms_with(name)
        if value != getattr(default, name) and asked.algorithm not in users:
            told = str(value).lower() if isinstance(value, bool) else value
            sentence = (
                f'lora.{name} = {told} is not for lora.algorithm "{asked.algorithm}", only for {", ".join(users)}'
            )
            way_out = str(getattr(default, name)).lower()
            yield (f"lora.{name}", "lora.algorithm"), f"{sentence}: set it to {way_out}, or choose another algorithm."


def pattern(settings: Settings) -> Iterator[Broken]:
    """A pattern where one is asked for, and that is one."""
    name, text = "lora.pattern", settings.lora.pattern
    if settings.method != "lora" or settings.lora.targets != "pattern":
        return
    if not text:
        yield (name, "lora.targets"), f'{name} is empty: write a regular expression like "attn2", or set lora.targets.'
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        yield (name,), f'{name} = "{text}" is not a regular expression ({error}): correct it.'


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
