"""Collects what is wrong with settings, so that all of it is reported together."""

from __future__ import annotations

from difflib import get_close_matches

from ..errors import UserError


class Faults:
    """Sentences by the name of the setting they are about."""

    def __init__(self) -> None:
        self._sentences: dict[str, str] = {}

    def add(self, name: str, sentence: str) -> None:
        """Note a fault of `name`; of several, the first counts."""
        self._sentences.setdefault(name, sentence)

    def has(self, name: str) -> bool:
        """Whether `name`, or a group that it is in, is faulty; the name of the settings as a whole is empty."""
        return any(not known or f"{name}.".startswith(f"{known}.") for known in self._sentences)

    @property
    def sentences(self) -> dict[str, str]:
        """What is wrong, by the name of the setting it is about."""
        return dict(self._sentences)

    def raise_if_any(self) -> None:
        """Raise a UserError with one line for each fault."""
        if self._sentences:
            raise UserError("\n".join(self._sentences.values()))


def unknown_name(name: str, known: list[str]) -> str:
    """The sentence for a setting that does not exist, with the nearest one that does.

    `name` and `known` are written in full ("lora.rank"); a right word in the wrong group is found too.
    """
    word = name.rpartition(".")[2]
    near = get_close_matches(name, known, n=1, cutoff=0.75)
    same_word = [other for other in known if other.rpartition(".")[2] == word]
    by_word = get_close_matches(word, [other.rpartition(".")[2] for other in known], n=1, cutoff=0.8)
    similar = [other for other in known if other.rpartition(".")[2] in by_word]
    for nearest in (same_word, near, similar):
        if nearest:
            return f"{name} is not a setting: did you mean {nearest[0]}?"
    return f"{name} is not a setting: take it out; docs/settings.md lists all there are."
