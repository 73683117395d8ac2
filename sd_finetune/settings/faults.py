"""Collects the faults of settings, so that all of them are reported together."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import UserError
from ..readable import readable

Broken = tuple[tuple[str, ...], str]
"""The options that a sentence about a rule is about, then the sentence; left out where one has a fault already."""


class Faults:
    """Sentences by the full name of the option that they are about."""

    def __init__(self) -> None:
        self._sentences: dict[str, str] = {}
        self._concerns: dict[str, tuple[str, ...]] = {}

    def add(self, name: str, sentence: str, *others: str) -> None:
        """Add a fault of `name`, which concerns the options `others` too; of several, the first is kept."""
        if readable(name) not in self._sentences:
            self._sentences[readable(name)] = readable(sentence)
            self._concerns[readable(name)] = others

    def add_new(self, found: Mapping[str, str]) -> None:
        """Add the faults of options, by their names, that have none yet."""
        for name, sentence in found.items():
            if not self.has(name):
                self.add(name, sentence)

    def has(self, name: str) -> bool:
        """Whether `name` or a group that contains it has a fault; the settings as a whole have an empty name."""
        return any(not known or f"{name}.".startswith(f"{known}.") for known in self._sentences)

    @property
    def sentences(self) -> dict[str, str]:
        """The faults, by the full name of the option that they are about."""
        return dict(self._sentences)

    @property
    def concerns(self) -> dict[str, tuple[str, ...]]:
        """The other options that a contradiction is between, by the name of the one that its fault is of."""
        return {name: others for name, others in self._concerns.items() if others}

    def raise_if_any(self) -> None:
        """Raise a UserError with one line for each fault."""
        if self._sentences:
            raise UserError("\n".join(self._sentences.values()))
