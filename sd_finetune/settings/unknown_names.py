"""What is said of a name that is not an option: the option that was meant, as far as it can be told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, cast

from .foreign_names import FOREIGN_NAMES, OTHERWISE
from .migrations import RENAMED

LONGEST_NAME = 80


def unknown_names(name: str, value: Any, known: Sequence[str]) -> Iterator[tuple[str, str]]:
    """`name` and the sentence about it; then the same for options of other trainers in its table `value`.

    Another trainer's settings file has tables with names of its own, in which its options are recognized.
    """
    yield name, unknown_name(name, known)
    if not _nearest(name, known):
        for inner in _names_in(value, name):
            if _word(inner) in FOREIGN_NAMES:
                yield inner, unknown_name(inner, known)


def unknown_name(name: str, known: Sequence[str]) -> str:
    """The sentence about a name that is not an option, with the option that it was renamed to or is similar to.

    `name` and `known` are full names, as "lora.rank"; a correct word in the wrong group is found too.
    """
    if name in RENAMED:
        return f"{name} is not an option any more: it is called {RENAMED[name]} now."
    if _word(name) in FOREIGN_NAMES:
        ours = ", ".join(filter(None, (FOREIGN_NAMES[_word(name)], OTHERWISE.get(_word(name)))))
        return f"{name} is not an option: in SD Fine-Tune it is {ours}."
    nearest = _nearest(name, known)
    if nearest:
        return f"{name} is not an option: did you mean {nearest}?"
    return f"{name[:200]} is not an option: remove it; docs/settings.md lists all options."


def _nearest(name: str, known: Sequence[str]) -> str:
    """The known name that is most similar, empty if none is."""
    if len(name) > LONGEST_NAME:  # comparing takes the square of the length
        return ""
    near = get_close_matches(name, known, n=1, cutoff=0.75)
    same_word = [other for other in known if _word(other) == _word(name)]
    by_word = get_close_matches(_word(name), [_word(other) for other in known], n=1, cutoff=0.8)
    similar = [other for other in known if _word(other) in by_word]
    return next((found[0] for found in (same_word, near, similar) if found), "")


def _names_in(value: Any, name: str) -> Iterator[str]:
    """The full names of all entries of a table or list, and of those in them."""
    if isinstance(value, dict):
        for key, inner in cast("dict[str, Any]", value).items():
            yield f"{name}.{key}"
            yield from _names_in(inner, f"{name}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(cast("list[Any]", value), start=1):
            yield from _names_in(inner, f"{name}.{number}")


def _word(name: str) -> str:
    return name.rpartition(".")[2]
