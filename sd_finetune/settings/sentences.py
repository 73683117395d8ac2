"""Sentences about settings, taken apart: text, quoted text, and mentions of options with their values.

A sentence is written once, for TOML and the command line: `train.batch_size = 0 is out of range: use ...`. What is
read elsewhere, as in the tab, is rendered from its parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from .catalogue import all_options

CONCEPTS = "concepts"
QUOTED = r'"(?:[^"\\]|\\.)*"|' + r"(?<!\w)'[^'\s]*'"
"""A value as Python or JSON writes it. What is in it is the user's own, and no mention of an option."""
PLAIN = r"[^\s,;:]+(?<![.?!])"
"""A value without quotes: a number, true, a path."""


@dataclass(frozen=True)
class Mention:
    """An option of the full name `name`, as "concepts.folder", with the concept's number and a value as written.

    value: None where the sentence gives none.
    """

    name: str
    concept: int | None = None
    value: str | None = None

    @property
    def place(self) -> str:
        """The name with the concept's number, as the faults of settings have it: "concepts.1.folder"."""
        return self.name if self.concept is None else self.name.replace(".", f".{self.concept}.", 1)


@dataclass(frozen=True)
class Quoted:
    """Text in quotation marks, which are part of `text`."""

    text: str


Part = str | Mention | Quoted


def parts_of(sentence: str) -> list[Part]:
    """The parts of a sentence, in order; joined as they are written they give the sentence."""
    return list(_parts(sentence))


def first_mention(sentence: str) -> str:
    """The place of the first option that a sentence mentions, as "concepts.1.folder"; empty if there is none."""
    return next((part.place for part in parts_of(sentence) if isinstance(part, Mention)), "")


def _parts(sentence: str) -> Iterator[Part]:
    end = 0
    for found in _grammar().finditer(sentence):
        if found.start() > end:
            yield sentence[end : found.start()]
        end = found.end()
        if found["quoted"]:
            yield Quoted(found["quoted"])
        else:
            number = found["number"]
            name = f"{CONCEPTS}.{found['own']}" if number else found["full"]
            yield Mention(name, int(number) if number else None, found["value"])
    if end < len(sentence):
        yield sentence[end:]


@cache
def _grammar() -> re.Pattern[str]:
    """Option names come from the settings; none is part of a longer word or path."""
    names = [name for name in all_options() if "." in name]
    full = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    own = "|".join(name.partition(".")[2] for name in names if name.startswith(f"{CONCEPTS}."))
    name = rf"(?:{CONCEPTS}\.(?P<number>[0-9]+)\.(?P<own>{own})|(?P<full>{full}|method(?= = )))"
    value = rf"(?: = (?P<value>{QUOTED}|{PLAIN}))?"
    return re.compile(rf"(?P<quoted>{QUOTED})|(?<![\w./\\-]){name}(?![\w/\\]|\.\w){value}")
