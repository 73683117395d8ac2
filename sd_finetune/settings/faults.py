"""Collects the faults of settings, so that all of them are reported together."""

from __future__ import annotations

from ..errors import UserError
from ..readable import readable

Broken = tuple[tuple[str, ...], str]
"""The options that a sentence about a rule is about, then the sentence; left out where one has a fault already."""


class Faults:
    """Sentences by the full name of the option that they are about."""

    def __init__(self) -> None:
        self._sentences: dict[str, str] = {}

    def add(self, name: str, sentence: str) -> None:
        """Add a fault of `name`; of several, the first is kept."""
        self._sentences.setdefault(readable(name), readable(sentence))

    def has(self, name: str) -> bool:
        """Whether `name` or a group that contains it has a fault; the settings as a whole have an empty name."""
        return any(not known or f"{name}.".startswith(f"{known}.") for known in self._sentences)

    @property
    def sentences(self) -> dict[str, str]:
        """The faults, by the full name of the option that they are about."""
        return dict(self._sentences)

    def raise_if_any(self) -> None:
        """Raise a UserError with one line for each fault."""
        if self._sentences:
            raise UserError("\n".join(self._sentences.values()))
