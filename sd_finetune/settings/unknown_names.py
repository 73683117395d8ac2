"""What is said of a name that is not an option: the option that was meant, as far as it can be told."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from .migrations import RENAMED


def unknown_name(name: str, known: Sequence[str]) -> str:
    """The sentence about a name that is not an option, with the option that it was renamed to or is similar to.

    `name` and `known` are full names, as "lora.rank"; a correct word in the wrong group is found too.
    """
    if name in RENAMED:
        return f"{name} is not an option any more: it is called {RENAMED[name]} now."
    nearest = _nearest(name, known)
    if nearest:
        return f"{name} is not an option: did you mean {nearest}?"
    return f"{name} is not an option: remove it; docs/settings.md lists all options."


def _nearest(name: str, known: Sequence[str]) -> str:
    """The known name that is most similar, empty if none is."""
    near = get_close_matches(name, known, n=1, cutoff=0.75)
    same_word = [other for other in known if _word(other) == _word(name)]
    by_word = get_close_matches(_word(name), [_word(other) for other in known], n=1, cutoff=0.8)
    similar = [other for other in known if _word(other) in by_word]
    return next((found[0] for found in (same_word, near, similar) if found), "")


def _word(name: str) -> str:
    return name.rpartition(".")[2]
