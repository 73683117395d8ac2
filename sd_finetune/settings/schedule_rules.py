"""Rules between the learning-rate schedule, its warmup and the length of training."""

from __future__ import annotations

from collections.abc import Iterator

from .faults import Broken
from .options import Settings
from .schedules import SCHEDULES
from .unused_options import unused_options


def options_of_schedule(settings: Settings) -> Iterator[Broken]:
    """Options that another schedule uses, which are not as they are by default."""
    used = {name: facts.options for name, facts in SCHEDULES.items()}
    yield from unused_options(settings.schedule, "schedule", "name", used, "schedule")


def warmup(settings: Settings) -> Iterator[Broken]:
    """A warmup is no longer than training, and there is none before a schedule that begins with a rise."""
    length, name, asked = settings.train.length, settings.schedule.name, settings.schedule.warmup
    if asked.amount and SCHEDULES[name].rises:
        sentence = f'schedule.warmup = "{asked}" does not go with schedule.name = "{name}", which has a rise of its own'
        yield ("schedule.warmup", "schedule.name"), f"{sentence}: set it to 0, and use schedule.rise."
    elif asked.unit == length.unit and asked.amount > length.amount:
        sentence = f'schedule.warmup = "{asked}" is longer than train.length = "{length}": shorten it.'
        yield ("schedule.warmup", "train.length"), sentence


def cycles(settings: Settings) -> Iterator[Broken]:
    """Each cycle has steps to fall in. How many steps epochs have is not known here."""
    length, asked = settings.train.length, settings.schedule
    used = "cycles" in SCHEDULES[asked.name].options
    if used and length.unit == "steps" and 2 * asked.cycles > length.amount and asked.cycles > 1:
        sentence = f'schedule.cycles = {asked.cycles} is too many for train.length = "{length}"'
        yield ("schedule.cycles", "train.length"), f"{sentence}, as a cycle has at least 2 steps: use fewer."
